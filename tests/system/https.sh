#!/bin/bash
# Boot files by HTTPS: a certificate is made on first use and kept, curl checks it, the operator's own is taken, a broken
# pair is refused in words.
#
#   https.sh BOOTHERD
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
bootherd=$(realpath "$1")
# The processes give up their privileges, which LeakSanitizer needs to look at them.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

if [ "$(id -u)" != 0 ]; then
    echo "1..0 # SKIP needs root for a network namespace"
    exit 0
fi
if [ -z "${HTTPS_INSIDE-}" ]; then
    HTTPS_INSIDE=1 exec unshare --net "$0" "$@"
fi

work=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] && return
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}
trap 'stop; rm -rf "$work"' EXIT
ip link set lo up
ip link add lab0 type bridge
ip addr add 10.77.0.1/24 dev lab0
ip link set lab0 up

# start: until it serves or has given up; 0 when it serves.
start() {
    "$bootherd" --root "$work/root" serve --interface lab0 --https-port 8443 >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 150); do
        grep -q '^serving on' "$work/log" && return 0
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

fetch() {
    curl -sS --max-time 20 --cacert "$work/root/tls/certificate.pem" "https://10.77.0.1:8443/$1" -o "$work/got" "${@:2}" 2>"$work/said"
}

start
is "it serves" "$?" 0
check "it says where" grep -q 'HTTPS on port 8443' "$work/log"
check "and that it made a certificate" grep -q 'made a certificate, --root/tls/certificate.pem' "$work/log"
is "the key is root's alone" "$(stat -c %a:%u "$work/root/tls/key.pem")" 600:0
check "curl takes the certificate and the file" fetch pxelinux.0
check "the bytes are right" cmp -s "$work/got" /usr/lib/PXELINUX/pxelinux.0
check "a part of it" fetch pxelinux.0 -r 100-199
is "has its bytes" "$(md5sum <"$work/got")" "$(tail -c +101 /usr/lib/PXELINUX/pxelinux.0 | head -c 100 | md5sum)"
curl -sS --max-time 20 https://10.77.0.1:8443/pxelinux.0 -o /dev/null 2>/dev/null
is "who does not know the certificate takes nothing" "$?" 60
check "plain HTTP is served beside it" curl -sS --max-time 20 http://10.77.0.1/pxelinux.0 -o "$work/got"
before=$(md5sum <"$work/root/tls/certificate.pem")
stop

start
is "a second start" "$?" 0
is "keeps the certificate" "$(md5sum <"$work/root/tls/certificate.pem")" "$before"
stop

openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=own -addext subjectAltName=IP:10.77.0.1 \
    -keyout "$work/root/tls/key.pem" -out "$work/root/tls/certificate.pem" 2>/dev/null
start
is "the operator's own pair" "$?" 0
check "is what curl gets" fetch pxelinux.0
stop

openssl genrsa -out "$work/root/tls/key.pem" 2048 2>/dev/null
start
is "a key that is another's: no start" "$?" 1
check "in words" grep -q 'do not belong together' "$work/log"
wait "$server" 2>/dev/null
server=
tap_end
