#!/bin/bash
# HTTP: foreign clients fetch from http_io. http.sh FILES_DRIVER
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
need curl busybox python3
# shellcheck source=tests/system/files.sh
. "$here/files.sh"
cd "$work" || exit 1
url=http://127.0.0.1:$http_port

get() { # NAME FILE
    curl -sSf --path-as-is -D head -o got "$url/$1" && cmp got "$served/$2" && has "Content-Length: $(stat -c %s got)"
}
has() { # LINE: in the headers of the last answer
    tr -d '\r' <./head | grep -qixF "$1" || { echo "no '$1' in:"; cat head; return 1; }
}
answers() { # STATUS CURL-ARGUMENT...: always with a length, never in chunks, never a redirect
    answers_status=$1
    shift
    answers_got=$(curl -sS --path-as-is -D head -o got -w '%{http_code}' "$@")
    [ "$answers_got" = "$answers_status" ] || { echo "$answers_got"; cat head; return 1; }
    grep -qi '^content-length:' head && ! grep -qiE '^(transfer-encoding|location):' head
}
one_line() { # STATUS NAME: a refusal in words
    answers "$1" "$url/$2" && has 'Content-Type: text/plain' && [ "$(wc -l <got)" = 1 ]
}
range() { # RANGE FIRST SIZE [NAME]: of 100000, or of another of its size and bytes
    tail -c +$(($2 + 1)) "$served/100000" | head -c "$3" >wanted
    answers 206 -r "$1" "$url/${4:-100000}" && cmp got wanted && has "Content-Range: bytes $2-$(($2 + $3 - 1))/100000"
}
no_range() {
    answers 416 -r 100000- "$url/100000" && has 'Content-Range: bytes */100000'
}
several_ranges() {
    answers 200 -r 0-1,5-6 "$url/100000" && cmp got "$served/100000"
}
resumed() { # NAME
    head -c 1234567 "$served/3000000" >part
    curl -sSf -C - -o part "$url/$1" && cmp part "$served/3000000"
}
one_connection() {
    one_made=$(curl -sS -w '%{num_connects} ' -o got1 "$url/513" -o got2 "$url/later/513" -o got3 "$url/memory/513")
    [ "$one_made" = '1 0 0 ' ] || { echo "$one_made"; return 1; }
    cmp got1 "$served/513" && cmp got2 "$served/513" && cmp got3 "$served/513"
}
old_client() {
    answers 200 -0 "$url/513" && has 'Connection: close'
}
head_of() { # NAME [FILE]
    answers 200 -I "$url/$1" && has "Content-Length: $(stat -c %s "$served/${2:-$1}")" && has 'Accept-Ranges: bytes' &&
        has 'Content-Type: application/octet-stream'
}
config() {
    get pxelinux.cfg/01-52-54-00-12-34-56.cfg pxelinux.cfg/01-52-54-00-12-34-56.cfg && has 'Content-Type: text/plain'
}
may_not() { # METHOD
    answers 405 -X "$1" -d secret "$url/put" && has 'Allow: GET, HEAD' && ! [ -e "$served/put" ]
}
may_not_upload() {
    answers 405 -T "$served/3000000" "$url/put" && has 'Allow: GET, HEAD' && ! [ -e "$served/put" ]
}
equal_tags() { # NAME FILE
    get "$1" "$2" && tag=$(grep -i '^etag' head) && get "$1" "$2" && [ "$tag" = "$(grep -i '^etag' head)" ]
}
known() { # NAME: 304 to the client that has it
    curl -sSf -I -D head -o got "$url/$1" && tag=$(sed -n 's/\r//; s/^etag: //Ip' ./head) && [ "$tag" ] &&
        [ "$(curl -sS -D head -o got -w '%{http_code}' -H "If-None-Match: $tag" "$url/$1")" = 304 ]
}
cut_off() { # the headers have promised more: the connection ends
    curl -sS -o got "$url/$1"
    [ $? = 18 ]
}
with_busybox() {
    rm -f got
    busybox wget -q -O got "$url/3000000" && cmp got "$served/3000000"
}
resumed_busybox() {
    head -c 1000 "$served/100000" >got
    busybox wget -q -c -O got "$url/100000" && cmp got "$served/100000"
}
at_once() { # NAME
    at_once_urls=
    for i in $(seq 40); do
        at_once_urls="$at_once_urls -o many$i $url/$1"
    done
    # shellcheck disable=SC2086
    curl -sSf --parallel --parallel-max 40 $at_once_urls || return 1
    for i in $(seq 40); do
        cmp "many$i" "$served/3000000" || return 1
    done
}
gives_up() { # NAME
    ! curl -sS -m 1 --limit-rate 100k -o got "$url/$1"
}
odd() {
    python3 "$here/http_client.py" "$http_port" "$1" "$served/$2"
}
crowd() { # the limit is the driver's alone, and taken back
    prlimit --pid $driver --nofile=100:1024 && odd crowd "$1" && prlimit --pid $driver --nofile=1024:1024 &&
        ! grep -v 'HTTP connections are open and others wait: Too many open files' "$work/stderr" && : >"$work/stderr"
}
drips() { # it began long before, for it takes a while
    wait $dripping || { cat dripping; return 1; }
}
left_open() {
    python3 "$here/http_client.py" "$http_port" left >left &
    left=$!
    for _ in $(seq 50); do
        grep -q open left && break
        sleep 0.1
    done
    sleep 0.3
    driver_ends
    left_status=$?
    kill $left
    return $left_status
}

odd dripping 100000 >dripping 2>&1 &
dripping=$!
for file in empty one 513 100000 3000000 large; do
    check "curl: $file" get $file $file
done
check 'slashes in front' get ///513 513
check 'escapes' get %35%31%33 513
check 'a query is ignored' get '513?mac=52:54:00:12:34:56' 513
check 'looked up later' get later/100000 100000
check 'from memory' get memory/100000 100000
check 'from memory, empty' get memory/empty empty
check 'configuration is text' config
check 'HEAD' head_of 100000
check 'the event of HEAD' told 'PROBED 100000 0 from 127.0.0.1: $'
check 'HEAD of an empty file' head_of empty
check 'etags stay' equal_tags memory/513 513

check 'range: the first bytes' range 0-99 0 100
check 'range: one byte' range 5-5 5 1
check 'range: to the end' range 99000- 99000 1000
check 'range: past the end' range 99000-999999 99000 1000
check 'range: the last bytes' range -10 99990 10
check 'range: of the whole' range 0- 0 100000
check 'range: behind the end' no_range
check 'range: several' several_ranges
check 'a download resumed' resumed 3000000
check 'the event of it' told 'DONE 3000000 1765433 from 127.0.0.1'

check 'keep-alive' one_connection
check 'HTTP/1.0' old_client
check 'missing' one_line 404 nope
check 'the event of it' told 'MISSING nope 0 from 127.0.0.1: no such file'
check 'the root' one_line 404 ''
check "another machine's" one_line 403 refused/mod.tgz
check 'the event of it' told 'REFUSED refused/mod.tgz 0 from 127.0.0.1: this is the overlay of node rack01'
check 'should be there' one_line 503 failed/x
check 'upwards' one_line 400 a/../513
check 'upwards, escaped' one_line 400 ..%2f..%2fetc/passwd
check 'a NUL' one_line 400 513%00.cfg
check 'a broken escape' one_line 400 51%3
check 'a long name' one_line 400 "$(printf '%0600d' 0)"
for method in PUT POST DELETE OPTIONS PATCH; do
    check "$method" may_not $method
done
check 'an upload' may_not_upload
check 'the event of it' told 'REFUSED put 0 from 127.0.0.1: asked by a method other than GET and HEAD'

check 'busybox wget' with_busybox
check 'busybox wget, resumed' resumed_busybox
check '40 at once' at_once 3000000
check 'a client gives up' gives_up large
check 'the event of it' told 'FAILED large [1-9][0-9]* from 127.0.0.1: the connection broke'
check 'a file shorter than it should be' one_line 503 short/513
check 'the event of it' told 'FAILED short/513 0 from 127.0.0.1: the file is shorter than it should be'
for file in empty one 513 100000 3000000; do
    check "composed: $file" get pieces/$file $file
done
check 'composed: zeros between' get joined/511 joined/511
check 'composed: looked up later' get later/pieces/100000 100000
check 'composed: HEAD' head_of pieces/100000 100000
check 'composed: HEAD of an empty file' head_of pieces/empty empty
check 'composed: etags stay' equal_tags pieces/513 513
check 'composed: 304' known joined/100000
check 'composed: the first bytes' range 0-99 0 100 pieces/100000
check 'composed: within a piece' range 5-5 5 1 pieces/100000
check 'composed: over a border' range 1999-2000 1999 2 pieces/100000
check 'composed: to the end' range 99000- 99000 1000 pieces/100000
check 'composed: the last bytes' range -10 99990 10 pieces/100000
check 'composed: a download resumed' resumed pieces/3000000
check 'the event of it' told 'DONE pieces/3000000 1765433 from 127.0.0.1: $'
check 'composed: 40 at once' at_once pieces/3000000
check 'composed: a client gives up' gives_up joined/large
check 'the event of it' told 'FAILED joined/large [1-9][0-9]* from 127.0.0.1: the connection broke'
check 'composed: a file shorter than it should be' cut_off cut/100000
check 'the event of it' told 'FAILED cut/100000 [1-9][0-9]* from 127.0.0.1: cannot read the file at byte 100004: No data available'
check 'mboot.efi' odd mboot 100000
check 'lpxelinux' odd lpxelinux 100000
check 'pipelined' odd pipelined 100000
check 'many pipelined' odd many_pipelined 100000
check 'a request in pieces' odd pieces 100000
check 'half closed' odd half_closed 3000000
check 'refused' odd refused 100000
check 'more connections than descriptors' crowd 100000
check '304' odd unchanged 100000
check 'If-Range' odd if_range 100000
check 'GET with a body' odd body 100000
check 'malformed requests' odd malformed 100000
check 'connections reset' odd reset 100000
check 'slow clients' odd slow 100000
check 'requests that never end' drips
check 'the driver ends with connections open, nothing leaks' left_open
check 'the event of one' told 'FAILED large [0-9]* from 127.0.0.1: the server stopped'
tap_end
