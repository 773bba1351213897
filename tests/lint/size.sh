#!/bin/sh
# House rule: a C file stays at or below 600 lines, a function at or below 60; a file of the hosts' agents below 300.
cd "$1" || exit 1
bad=0
for file in $(find src tests bench -name '*.c' -o -name '*.h' | sort); do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || { echo "$file: $lines lines, the limit is 600: split it by noun"; bad=1; }
    awk -v file="$file" '
        /^[a-zA-Z_].*\)[^;]*$/ { name = $0; start = 0 }
        /^\{/ { start = NR }
        /^\}/ && start { if (NR - start > 61) { print file ":" start ": " (NR - start - 1) " lines in one function, the limit is 60: " name; failed = 1 } start = 0 }
        END { exit failed }' "$file" || bad=1
done
for file in agents/*.sh; do
    lines=$(wc -l <"$file")
    [ "$lines" -lt 300 ] || { echo "$file: $lines lines, the limit is 299: hosts keep it in memory, and people read it there"; bad=1; }
done
exit $bad
