#!/bin/bash
# The benchmarks in their short form: every row runs, with bootherd and every peer, and nobody fails at bootherd. What comes out is no
# measurement. short.sh
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$top/bench/run.sh" --short --json >"$work/table.json" 2>"$work/log"
status=$?
check 'the benchmarks run to their end' [ "$status" = 0 ]
if [ "$status" != 0 ]; then # nothing below could be right
    diag "$(tail -n 20 "$work/log")"
    tail -n 20 "$work/log" >&2
    tap_end
    exit
fi
# One line a row: whether each server did something, and how many failed at bootherd.
rows=$(python3 - "$work/table.json" <<'PYTHON'
import json
import sys

for row in json.load(open(sys.argv[1], encoding="utf-8"))["rows"]:
    idle = [name for name, runs in row["runs"].items() if not any(run["rate"] > 0 for run in runs)]
    failed = sum(run.get("failures", 0) for run in row["runs"]["bootherd"])
    print(row["key"], "ok" if not failed and "bootherd" not in idle else "bad", "failed=%d" % failed, "idle=%s" % ",".join(idle))
PYTHON
)
while read -r key verdict rest; do
    [ -n "$key" ] || continue
    check "$key: bootherd serves everybody ($rest)" [ "$verdict" = ok ]
done <<<"$rows"
names=$(grep -rhoE '^(    )?Row\("[a-z0-9-]+|^    row\("[a-z0-9-]+' "$top/bench/rows" | grep -c .)
is 'every row is in the table' "$(grep -c . <<<"$rows")" "$names"
tap_end
