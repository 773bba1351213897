# shellcheck shell=bash
# Sourced: a folder of files, and files_driver ($1) serving it. $work, $served, $log, $tftp_port, $http_port.
work=$(mktemp -d)
served=$work/served
log=$work/log
mkdir "$served" "$served/pxelinux.cfg"
: >"$served/empty"
head -c 1 /dev/urandom >"$served/one"
for size in 511 512 513 1408 100000 3000000; do
    head -c $size /dev/urandom >"$served/$size"
done
echo 'DEFAULT esx' >"$served/pxelinux.cfg/01-52-54-00-12-34-56.cfg"
# Sparse, but for its ends: a wrong block anywhere shows by its place.
# What files_driver makes of two with zeros before and between.
mkdir "$served/joined"
cat <(printf '\0\0\0\0') "$served/511" <(printf '\0') "$served/511" >"$served/joined/511"
cat <(printf '\0\0\0\0') "$served/100000" "$served/100000" >"$served/joined/100000"
truncate -s 100000001 "$served/large"
printf start | dd of="$served/large" conv=notrunc status=none
printf 'behind block 65535' | dd of="$served/large" bs=1 seek=$((65536 * 1408 + 700)) conv=notrunc status=none

: >"$log"
# The driver keeps its privileges, so leaks can be looked for.
ASAN_OPTIONS=detect_leaks=1 "$1" "$served" >"$log" 2>"$work/stderr" &
driver=$!
finish() {
    kill -9 $driver 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
for _ in $(seq 100); do
    grep -q "^http" "$log" && break
    sleep 0.1
done
# shellcheck disable=SC2034
tftp_port=$(sed -n 's/^tftp //p' "$log")
# shellcheck disable=SC2034
http_port=$(sed -n "s,^http ,,p" "$log")

# told TEXT: an event that begins so is in the log, now or within two seconds
told() {
    for _ in $(seq 20); do
        grep -q "^$1" "$log" && return 0
        sleep 0.1
    done
    echo "no event '$1'; the last ones are:"
    tail "$log"
    return 1
}

# The driver ends cleanly (leaks and bad accesses are found by the sanitizers it may be built with).
driver_ends() {
    kill -TERM $driver
    wait $driver
    tap_status=$?
    cat "$work/stderr"
    [ $tap_status = 0 ] && ! [ -s "$work/stderr" ]
}
