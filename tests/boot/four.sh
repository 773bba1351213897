#!/bin/bash
# Four machines at once, of four kinds; and what bootherd says of them afterwards.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

rack_open linux xen
for number in 1 3 4; do
    rack_node "$number" linux --kernel-options console=ttyS0 --files own
done
rack_node 2 xen --files own
rack_serve
rack_start 1 lab_machine e1000
rack_start 2 lab_machine virtio -m 768
rack_start 3 lab_uefi pxe
rack_start 4 lab_uefi http
for number in 1 2 3 4; do
    rack_wait "n$number is up" "$number" "$rack_up"
    rack_said_up "n$number" "$number"
done
rack_do status >"$LAB_DIR/status" 2>&1
check "the story of each ends with a booted system" [ "$(grep -c 'booted in' "$LAB_DIR/status")" = 4 ]
diag "$(cat "$LAB_DIR/status")"
tap_end
