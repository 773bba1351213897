#!/bin/bash
# Builds an ISO with the media layout of a VMware ESXi release and, inside, a hypervisor stand-in made of Debian's
# packages: see README.md beside this file. No root, nothing installed; what was built before is reused.
set -euo pipefail

usage() {
    echo "usage: make-iso.sh OUT.iso [--size small|full] [--version VERSION]"
    echo "  --version      3.5, 4.0 (default), 4.1, 5.0, 5.5, 6.7, 7.0 or 8.0"
    echo "  --size small   boot files of about 14 MB, for a machine with 256 MB (default)"
    echo "  --size full    boot files of about 70 MB, as the vendor's are; the machine needs 512 MB (up to 4.1)"
    echo "Downloads and products are kept in \$STANDIN_BUILD (default: .cache/standin)."
}

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
size=small version=4.0 out=
while [ $# -gt 0 ]; do
    case $1 in
    --size) size=${2-} && shift 2 ;;
    --version) version=${2-} && shift 2 ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) [ -z "$out" ] || { usage >&2 && exit 2; }
        out=$1 && shift ;;
    esac
done
[ -n "$out" ] || { usage >&2 && exit 2; }
case $size in small | full) ;; *) usage >&2 && exit 2 ;; esac
case $version in 3.5 | 4.[01] | 5.[05] | 6.7 | 7.0 | 8.0) ;; *) usage >&2 && exit 2 ;; esac

# One date for everything, so that equal input gives an equal ISO: ESXi 4.0's build 208167.
export SOURCE_DATE_EPOCH=1257552000 TZ=UTC LC_ALL=C
cache=${STANDIN_BUILD:-$top/.cache/standin}
debs=$cache/debs
parts=$cache/parts         # what all versions and sizes share
work=$cache/$version-$size # what is this ISO's own
mkdir -p "$debs" "$parts" "$work"
exec 8>"$cache/lock"
flock 8

# shellcheck source=tests/standin/boot-files.sh
. "$here/boot-files.sh"
# shellcheck source=tests/standin/media.sh
. "$here/media.sh"
# shellcheck source=tests/standin/esxi5.sh
. "$here/esxi5.sh"

# step LABEL OUTPUT INPUT... -- COMMAND...: runs the command when it has not succeeded since an input changed. Inputs may
# be patterns. OUTPUT.ok is written last, so a step that was killed runs again.
step() {
    local label=$1 stamp=$2.ok input start tenths stale=no
    shift 2
    [ -e "$stamp" ] || stale=yes
    while [ "$1" != -- ]; do
        for input in $1; do
            [ "$input" -nt "$stamp" ] && stale=yes
        done
        shift
    done
    shift
    if [ "$stale" = no ]; then
        printf '%-44s kept\n' "$label"
        return
    fi
    rm -f "$stamp"
    start=$(date +%s%N)
    "$@" >"$work/log" 2>&1 || {
        echo "make-iso.sh: $label: failed" >&2
        tail -n 20 "$work/log" >&2
        exit 1
    }
    touch "$stamp"
    tenths=$((($(date +%s%N) - start) / 100000000))
    printf '%-44s %d.%d s\n' "$label" $((tenths / 10)) $((tenths % 10))
}

build_shared_files
case $version in
3.* | 4.*) build_boot_files && build_media ;;
*) build_media5 ;;
esac
cp "$work/media.iso" "$out"
ls -l "$out"
