#!/bin/bash
# The Debian installer from the package debian-installer-12-netboot-amd64, up to its first question.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

rack_open installer
rack_node 1 installer --kernel-options "console=ttyS0"
rack_serve
# Its own options name a graphics mode: where there is no graphics card, the kernel stops and asks for another.
rack_boot "the installer asks for a language" 1 'Select a language' lab_machine virtio -m 1024 -device VGA
tap_end
