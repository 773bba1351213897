#!/bin/sh
# The manual is sound, and names every command that the program's own help lists.
page=$(mktemp) || exit 1
trap 'rm -f "$page"' EXIT
scdoc <"$1/docs/bootherd.8.scd" >"$page" || exit 1
# The date and volume are scdoc's; a missing cross reference is not an error here.
if mandoc -Tlint -W error "$page" | grep -v 'unusual OS\|unable to open\|referenced manual not found' | grep .; then
    exit 1
fi
bad=0
for words in $("$2" help | sed -n 's/^  bootherd \([a-z]*\) \([a-z]*\) .*/\1_\2/p; s/^  bootherd \([a-z]*\) *[A-Z\[-].*/\1/p' | sort -u); do
    text=$(echo "$words" | tr _ ' ' | sed 's, *$,,')
    grep -q "\*$text\*" "$1/docs/bootherd.8.scd" || { echo "docs/bootherd.8.scd does not name the command \"$text\""; bad=1; }
done
[ "$("$2" help | grep -c '^  bootherd ')" -ge 20 ] || { echo "the help lists fewer commands than there are"; bad=1; }
exit $bad
