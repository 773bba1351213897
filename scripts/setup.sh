#!/bin/bash
# Installs the Debian packages that a purpose needs: setup.sh build|demo|test|bench. Says what it installs; nothing when all is there.
set -eu
here=$(dirname "$(readlink -f "$0")")
case "${1:-}" in
build) purposes="build" ;;
demo) purposes="build demo" ;;
test) purposes="build demo test bench" ;;
bench) purposes="build demo bench" ;;
*) echo "usage: setup.sh build|demo|test|bench" >&2; exit 2 ;;
esac
missing=""
for purpose in $purposes; do
    while read -r package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done < <(awk -v p="$purpose" '$1 == p { print $2 }' "$here/packages.txt")
done
[ -n "$missing" ] || exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup: run this as root, or install sudo:$missing is missing" >&2; exit 1; }
    as_root="sudo"
fi
echo "Installing Debian packages:$missing"
$as_root apt-get update -qq
# busybox and busybox-static exclude each other: take what the machine has.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/tmp/bootherd-setup.$$ 2>&1 || {
    tail -20 /tmp/bootherd-setup.$$ >&2
    echo "setup: apt-get could not install what is needed; the lines above say why" >&2
    exit 1
}
rm -f /tmp/bootherd-setup.$$
