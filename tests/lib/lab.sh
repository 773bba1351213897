# shellcheck shell=bash
# A network of its own for a test or a demonstration: a namespace with a bridge, QEMU machines on it, and ways to talk
# to them (lab_uefi.sh: those with UEFI). lab_open first; everything is taken down when the script ends, however it ends. Needs root, QEMU,
# iproute2, openssh-client, sshpass. Of the variables, LAB_NS and LAB_DIR are for the caller to use.

lab_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/lab_uefi.sh
. "$lab_here/lab_uefi.sh"
LAB_PREFIX=10.77.0 # the bridge is .1 of this /24

# lab_open: makes the namespace LAB_NS with bridge br0, and the directory LAB_DIR for logs and whatever the caller keeps.
lab_open() {
    [ "$(id -u)" = 0 ] || { echo "lab: network namespaces need root" >&2 && return 1; }
    LAB_NS=lab$$
    LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
    lab_taps=0 lab_hosts=()
    trap lab_close EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    ip netns add "$LAB_NS" || return 1
    lab_run ip link set lo up
    lab_bridge br0 && lab_run ip address add "$LAB_PREFIX.1/24" dev br0
}

# lab_bridge NAME: a network, in the namespace.
lab_bridge() {
    # A bridge that waits for spanning tree loses a machine's first packets.
    lab_run ip link add "$1" type bridge stp_state 0 forward_delay 0 && lab_run ip link set "$1" up || return 1
    lab_spawn "$LAB_DIR/router-$1.log" perl "$lab_here/router.pl" "$1"
}

# lab_host NAME BRIDGE ADDRESS/BITS: another host on a bridge, the namespace LAB_NS-NAME, where its card is called as the
# bridge. Further calls give it more cards. Commands run there by LAB_NS=$LAB_NS-NAME lab_run or lab_spawn.
lab_host() {
    local host=$LAB_NS-$1
    if [ ! -e "/run/netns/$host" ]; then
        ip netns add "$host" && lab_hosts+=("$host") && ip -n "$host" link set lo up || return 1
    fi
    lab_run ip link add "$1-$2" type veth peer name "$2" netns "$host" && lab_run ip link set "$1-$2" master "$2" up &&
        ip -n "$host" address add "$3" dev "$2" && ip -n "$host" link set "$2" up
}

# Ends the script's background processes, by process id, and removes namespace and directory. LAB_KEEP=1 keeps the directory.
lab_close() {
    local status=$? host
    [ "$BASHPID" = $$ ] || exit "$status" # a subshell that is stopped early takes nothing down
    trap '' INT TERM HUP
    trap - EXIT
    # shellcheck disable=SC2046 # one process id a word
    lab_stop $(jobs -pr)
    for host in "${lab_hosts[@]}" "$LAB_NS"; do
        ip netns delete "$host" 2>/dev/null
    done
    if [ -n "${LAB_KEEP-}" ]; then
        echo "# kept: $LAB_DIR" >&2
    else
        rm -rf "$LAB_DIR"
    fi
    exit "$status"
}

# lab_run COMMAND...: in the namespace.
lab_run() {
    ip netns exec "$LAB_NS" "$@"
}

# lab_spawn LOG COMMAND...: in the namespace and the background, its output to LOG; sets LAB_PID.
lab_spawn() {
    local log=$1
    shift
    : >"$log" # here and now: what an earlier command wrote must not be taken for this one's words
    # ip becomes the command, so this is the command's own process id.
    ip netns exec "$LAB_NS" "$@" >"$log" 2>&1 </dev/null &
    # shellcheck disable=SC2034 # for the caller
    LAB_PID=$!
}

# lab_stop PID...: TERM to those of the script's background processes that still run, KILL to them after 5 s.
lab_stop() {
    local pid try running=()
    for pid in "$@"; do
        # Not one that has ended: its number may be somebody else's by now.
        if jobs -pr | grep -qx "$pid"; then running+=("$pid"); fi
    done
    [ ${#running[@]} -gt 0 ] || return 0
    kill "${running[@]}" 2>/dev/null
    for try in {1..50}; do
        kill -0 "${running[@]}" 2>/dev/null || break
        [ "$try" -lt 50 ] || kill -KILL "${running[@]}" 2>/dev/null
        sleep 0.1
    done
    wait "${running[@]}" 2>/dev/null
    return 0
}

# lab_wait FILE PATTERN SECONDS [PID]: until the file has a line that matches (grep -E); fails when the time is up or
# the process has ended.
lab_wait() {
    local deadline=$((SECONDS + $3))
    until grep -qE -- "$2" "$1" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "# no line '$2' in $1 within $3 s; the last ones:"
        elif [ -n "${4-}" ] && ! kill -0 "$4" 2>/dev/null; then
            echo "# process $4 ended before the line '$2' in $1; the last ones:"
        else
            sleep 0.2
            continue
        fi
        tail -n 15 "$1" 2>/dev/null | tr -d '\r' | sed 's/^/#   /'
        return 1
    done
}

# lab_wait_port udp|tcp PORT SECONDS [PID]: until somebody listens there.
lab_wait_port() {
    local deadline=$((SECONDS + $3)) kind=-lunH
    [ "$1" = udp ] || kind=-ltnH
    until lab_run ss "$kind" "sport = :$2" | grep -q .; do
        if [ "$SECONDS" -ge "$deadline" ] || { [ -n "${4-}" ] && ! kill -0 "$4" 2>/dev/null; }; then
            echo "# nobody listens on $1 port $2"
            return 1
        fi
        sleep 0.1
    done
}

# lab_mac N: the MAC address of machine N.
lab_mac() {
    printf '52:54:00:77:00:%02x' "$1"
}

# lab_machine NAME N e1000|virtio [QEMU ARGUMENT...]: a diskless PC with BIOS and MAC lab_mac N that boots from the network,
# by QEMU's own ROM for that card, which is iPXE. What its first serial port says goes to LAB_DIR/NAME.serial; sets LAB_PID.
lab_machine() {
    local name=$1 number=$2 card=$3
    shift 3
    case $card in
    virtio) card=virtio-net-pci ;;
    esac
    # Without graphics, the BIOS and the loaders use the serial port.
    lab_qemu "$name" "$number" "$card" qemu-system-x86_64 -machine pc,graphics=off -m 256 -boot n "$@"
}

# lab_qemu NAME N CARD PROGRAM ARGUMENT...: what all machines have in common. The card may have properties; it is on the
# bridge LAB_BRIDGE, or br0.
lab_qemu() {
    local name=$1 number=$2 card=$3 program=$4 tap=tap$lab_taps
    shift 4
    lab_taps=$((lab_taps + 1))
    lab_run ip tuntap add "$tap" mode tap || return 1
    lab_run ip link set "$tap" master "${LAB_BRIDGE:-br0}" up
    mkfifo "$LAB_DIR/$name.port.in" "$LAB_DIR/$name.port.out" || return 1
    cat "$LAB_DIR/$name.port.out" >"$LAB_DIR/$name.serial" &
    # No KVM: it may be missing, or be there and not work.
    lab_spawn "$LAB_DIR/$name.qemu" "$program" -name "$name" -accel tcg -nodefaults -no-user-config -display none -no-reboot \
        -chardev "pipe,id=port,path=$LAB_DIR/$name.port" -serial chardev:port \
        -netdev "tap,id=net,ifname=$tap,script=no,downscript=no" -device "$card,netdev=net,mac=$(lab_mac "$number")" \
        -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng "$@"
}

# lab_type NAME TEXT: a line to the machine's serial port.
lab_type() {
    printf '%s\r' "$2" >"$LAB_DIR/$1.port.in"
}

# lab_ssh HOST USER PASSWORD COMMAND...: exit status 255 when there is no SSH, 5 when the password is refused: sshpass knows
# that by a second prompt.
lab_ssh() {
    local host=$1 user=$2
    export SSHPASS=$3
    shift 3
    lab_run sshpass -e ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        -o PreferredAuthentications=password -o PubkeyAuthentication=no -o NumberOfPasswordPrompts=2 \
        -o ConnectTimeout=20 "$user@$host" "$@" </dev/null
}

# lab_console NAME USER PASSWORD SECONDS: logs in on the serial port. 0: a shell answered, and was left again; 1: the
# password was refused; 2: neither within that time.
lab_console() {
    local name=$1 log=$LAB_DIR/$1.serial deadline=$((SECONDS + $4)) from
    from=$(stat -c %s "$log")
    # An empty line makes getty ask again, where this call can see it.
    lab_type "$name" ""
    lab_expect "$log" "$from" 'login: *$' "$deadline" || return 2
    lab_type "$name" "$2"
    lab_expect "$log" "$from" 'Password: *$' "$deadline" || return 2
    from=$(stat -c %s "$log")
    lab_type "$name" "$3"
    # A refusal ends in another prompt for a name, whatever it says before.
    lab_expect "$log" "$from" '([#$]|login:) *$' "$deadline" || return 2
    tail -c "+$((from + 1))" "$log" | grep -q 'login:' && return 1
    # The shell must compute this: an echo of what was typed does not match.
    # shellcheck disable=SC2016
    lab_type "$name" 'echo console-$((40 + 2)); exit'
    lab_expect "$log" "$from" 'console-42' "$deadline" || return 2
}

# lab_expect FILE OFFSET PATTERN DEADLINE: until what follows the offset matches.
lab_expect() {
    # A shell with line editing sends escape sequences behind its prompt.
    until tail -c "+$(($2 + 1))" "$1" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/\r//g' | grep -qE -- "$3"; do
        [ "$SECONDS" -lt "$4" ] || return 1
        sleep 0.3
    done
}

# answers LABEL STATUS PATTERN COMMAND...: exit status and a line of its output (both streams). Needs tap.sh.
answers() {
    local label=$1 status=$2 pattern=$3 got
    shift 3
    "$@" >"$LAB_DIR/out" 2>&1 </dev/null
    got=$?
    if [ "$got" = "$status" ] && grep -qE -- "$pattern" "$LAB_DIR/out"; then
        ok "$label"
    else
        not_ok "$label"
        diag "wanted status $status and a line like: $pattern"
        diag "got status $got: $(tail -n 6 "$LAB_DIR/out" | cat -v)"
    fi
}
