#!/bin/sh
# The include order of the rooms (docs/design.md): a room includes itself, base/ and rooms to its left; nobody includes proc/.
cd "$1/src" || exit 1
order="base media image store fleet inventory plan render serve swarm state power api cli proc"
bad=0
for room in $order; do
    [ -d "$room" ] || continue
    allowed=""
    for other in $order; do
        allowed="$allowed $other"
        [ "$other" = "$room" ] && break
    done
    for file in "$room"/*.c "$room"/*.h; do
        [ -f "$file" ] || continue
        # shellcheck disable=SC2013
        for target in $(sed -n 's|^ *# *include *"\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
            case " $allowed " in
            *" $target "*) ;;
            *) echo "$file includes $target/, which lies to the right of $room/"; bad=1 ;;
            esac
        done
        if grep -nE '^ *# *include *"[^/"]*"' "$file"; then
            echo "$file: write the room in every include: \"room/header.h\""
            bad=1
        fi
    done
done
exit $bad
