#!/bin/bash
# TFTP: foreign clients fetch from tftp_io. tftp.sh FILES_DRIVER
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
need tftp atftp curl busybox python3
# shellcheck source=tests/system/files.sh
. "$here/files.sh"
cd "$work" || exit 1

hpa() { # FILE: tftp-hpa, octet, 512 bytes a block
    tftp -m binary 127.0.0.1 "$tftp_port" -c get "$1" got && cmp got "$served/$2"
}
ascii() { # tftp-hpa's default mode; it takes CR away, so a text without
    tftp 127.0.0.1 "$tftp_port" -c get "$1" got && cmp got "$served/$1"
}
with_curl() { # NAME BLKSIZE [FILE]
    curl -sS --tftp-blksize "$2" -o got "tftp://127.0.0.1:$tftp_port/$1" && cmp got "$served/${3:-$1}"
}
plain_curl() {
    curl -sS --tftp-no-options -o got "tftp://127.0.0.1:$tftp_port/$1" && cmp got "$served/$1"
}
with_busybox() {
    rm -f got
    busybox tftp -g -b "$2" -r "$1" -l got 127.0.0.1 "$tftp_port" && cmp got "$served/$1"
}
with_atftp() { # FILE OPTION...
    atftp_file=$1
    shift
    rm -f got
    for atftp_option; do
        set -- "$@" --option "$atftp_option"
        shift
    done
    atftp "$@" -g -r "$atftp_file" -l got 127.0.0.1 "$tftp_port" && cmp got "$served/$atftp_file"
}
curl_says() { # STATUS FILE: curl's exit status for an ERROR
    curl -sS -o got "tftp://127.0.0.1:$tftp_port/$2"
    [ $? = "$1" ]
}
atftp_may_not_put() {
    echo secret >put
    ! atftp -p -l put -r put 127.0.0.1 "$tftp_port" && ! [ -e "$served/put" ]
}
odd() {
    python3 "$here/tftp_client.py" "$tftp_port" "$1" "$served/$2"
}

for file in empty one 511 512 513 1408 100000; do
    check "tftp-hpa: $file" hpa $file $file
done
check 'tftp-hpa: a name with slashes in front' hpa //512 512
check 'tftp-hpa: netascii of a text' ascii pxelinux.cfg/01-52-54-00-12-34-56.cfg
check 'tftp-hpa: looked up later' hpa later/100000 100000
check 'tftp-hpa: from memory' hpa memory/100000 100000
for size in 8 512 1408 65464; do
    check "curl: blksize $size" with_curl 100000 $size
done
for file in empty one 513 100000; do
    check "composed: tftp-hpa: $file" hpa pieces/$file $file
done
check 'composed: curl' with_curl pieces/100000 1408 100000
check 'composed: zeros between' hpa joined/511 joined/511
check 'composed: a file shorter than it should be' curl_says 71 cut/513
check 'the event of it' told 'FAILED cut/513 512 from 127.0.0.1: cannot read the file at block 2: No data available'
check 'curl: no options' plain_curl 100000
check 'curl: an exact multiple of blksize' with_curl 1408 1408
check 'busybox: blksize 1408' with_busybox 3000000 1408
check 'busybox: blksize 512' with_busybox 100000 512
check 'atftp: blksize 1428' with_atftp 3000000 'blksize 1428'
check 'atftp: windowsize 16' with_atftp 3000000 'blksize 1428' 'windowsize 16'
check 'atftp: windowsize 64, tsize, timeout' with_atftp 3000000 'blksize 1428' 'windowsize 64' 'tsize 0' 'timeout 3'
check 'atftp: multicast is left out' with_atftp 3000000 'multicast ' 'blksize 1428'
check 'busybox: 100 MB, block numbers wrap' with_busybox large 1408
check 'atftp: 100 MB with windows, block numbers wrap' with_atftp large 'blksize 1408' 'windowsize 32'

check 'curl: a missing file' curl_says 68 nope
check 'the event of a missing file' told 'MISSING nope 0 from 127.0.0.1: no such file'
check "curl: another machine's file" curl_says 69 refused/mod.tgz
check 'the event of a refused file' told 'REFUSED refused/mod.tgz 0 from 127.0.0.1: this is the overlay of node rack01'
check 'curl: a file that should be there' curl_says 71 failed/x
check 'atftp may not put' atftp_may_not_put
check 'the event of a write' told 'REFUSED put 0 from 127.0.0.1: this server only reads'

check 'malformed packets' odd malformed 512
check 'a request to write' odd write 512
check 'names' odd names 512
check 'OVMF probes, aborts, fetches' odd ovmf 3000000
check 'the event of the probe' told 'PROBED 3000000 0 from 127.0.0.1: $'
check 'the event of the fetch' told 'DONE 3000000 3000000 from 127.0.0.1: $'
check 'mboot.c32 leaves 151 probes behind' odd mboot 100000
check 'a client closes its port' odd gone 3000000
check 'the event of it' told 'FAILED memory/3000000 0 from 127.0.0.1: the client closed its port after block 0 of 2101'
check 'a repeated request is one transfer' odd repeated 513
check 'the event of the one left behind' told 'FAILED later/100000 0 from 127.0.0.1: the client asked anew'
check 'windows of all sizes' odd windows 3000000
check 'one packet in fifty lost each way' odd loss 3000000
check 'answers come from the address asked' odd address 512
check 'a file that shrinks' odd short 512
check 'the event of it' told 'FAILED short/512 512 from 127.0.0.1: cannot read the file at block 2'
check 'strangers are not heard' odd stranger 100000
check 'netascii is served as octet' odd netascii 511
check 'transfers are left running' odd left 512
check 'the driver ends, nothing leaks' driver_ends
tap_end
