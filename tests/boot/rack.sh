# shellcheck shell=bash disable=SC2154,SC2034 # LAB_DIR, LAB_PREFIX and LAB_PID are lab.sh's; rack_up is the tests'
# For the boot tests: bootherd as the only server, of a rack whose node N is nN with MAC lab_mac N and address
# rack_address N. Their systems are the products of tests/guests/make.sh. Sourced, with the test's arguments:
#
#   TEST.sh [BOOTHERD]              the program to test, default build/src/bootherd
#   NODES="1 3" TEST.sh             only some of its machines

rack_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rack_top=$(cd "$rack_here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$rack_here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$rack_here/../lib/lab.sh"

rack_program=$(realpath "${1:-$rack_top/build/src/bootherd}")
rack_guests=${GUESTS_BUILD:-$rack_top/.cache/guests}
rack_limit_s=300 # for one boot: 15 to 40 s on a quiet machine
# What Linux says when it is up, and what is the end of a boot that failed.
rack_up='(LINUX|DOM0) READY .*'
rack_down='Kernel panic|grub> $|iPXE> $|boot: $|PXE-E[0-9]+|No more network devices|failed to load Boot.*: [A-Z]'

# bail LABEL [FILE...]: nothing else can be tested.
bail() {
    not_ok "$1"
    shift
    diag "$(tail -n 20 "$@" 2>/dev/null)"
    tap_end
    exit 1
}

rack_do() {
    "$rack_program" --root "$LAB_DIR/root" "$@"
}

# rack_ip[N]: where it is not this.
rack_ip=()
rack_address() {
    echo "${rack_ip[$1]-$LAB_PREFIX.$((10 + $1))}"
}

# rack_open PRODUCT...: the lab, and these products as images of the same names; and a file of the operator's for overlays.
rack_open() {
    local product
    lab_open || exit 1
    mkdir -p "$LAB_DIR/root/files/own/opt"
    echo "a file of the operator's" >"$LAB_DIR/root/files/own/opt/operator"
    "$rack_here/../guests/make.sh" "$@" >"$LAB_DIR/make.log" 2>&1 || bail "$* can be made" "$LAB_DIR/make.log"
    for product; do
        rack_import "$product" "$rack_guests/$product"
    done
}

# rack_import NAME SOURCE
rack_import() {
    rack_do image import "$2" --name "$1" >"$LAB_DIR/import.log" 2>&1 || bail "$1 is imported" "$LAB_DIR/import.log"
}

# rack_node N IMAGE OPTION...: IMAGE for node N. What rack_said_up looks for needs --files own.
rack_node() {
    local number=$1 image=$2
    shift 2
    rack_do node set "n$number" --mac "$(lab_mac "$number")" --ip "$(rack_address "$number")" --image "$image" "$@" \
        >"$LAB_DIR/node.log" 2>&1 || bail "n$number is set" "$LAB_DIR/node.log"
}

# rack_serve [OPTION...]: bootherd, on br0 if not told otherwise.
rack_serve() {
    [ $# -gt 0 ] || set -- --interface br0
    lab_spawn "$LAB_DIR/server.log" "$rack_program" --root "$LAB_DIR/root" serve "$@"
    lab_wait "$LAB_DIR/server.log" '^serving on ' 60 "$LAB_PID" >"$LAB_DIR/wait.log" ||
        bail "bootherd serves" "$LAB_DIR/server.log"
}

# rack_start N COMMAND...: machine nN, by lab_machine, lab_uefi or lab_arm64 and what comes behind its number.
rack_start() {
    local number=$1 command=$2
    shift 2
    "$command" "n$number" "$number" "$@"
    rack_pid[number]=$LAB_PID
    rack_since[number]=$SECONDS
}
rack_pid=() rack_since=()

# rack_wait LABEL N PATTERN: until machine nN says something that matches, which becomes `said`.
rack_wait() {
    local label=$1 number=$2 pattern=$3 serial=$LAB_DIR/n$2.serial
    said=
    if lab_wait "$serial" "$pattern|$rack_down" "$rack_limit_s" "${rack_pid[number]}" >"$LAB_DIR/wait.log"; then
        said=$(tr -d '\r' <"$serial" | grep -aoE -m 1 -- "$pattern" | cut -c 1-800)
    fi
    if [ -n "$said" ]; then
        ok "$label"
    else
        not_ok "$label"
        diag "$(cat "$LAB_DIR/wait.log")"
        diag "$(tr -d '\r' <"$serial" | tail -n 15 | cut -c 1-400 | cat -v)"
        diag "$(tail -n 30 "$LAB_DIR/server.log")"
    fi
    diag "n$number: $((SECONDS - rack_since[number])) s"
}

# rack_boot LABEL N PATTERN COMMAND...: rack_start, rack_wait, and the machine's end.
rack_boot() {
    local label=$1 number=$2 pattern=$3
    shift 3
    said="not wanted"
    [[ " ${NODES-$number} " == *" $number "* ]] || return 0
    rack_start "$number" "$@"
    rack_wait "$label" "$number" "$pattern"
    rack_stop "$number"
}

rack_stop() {
    lab_stop "${rack_pid[$1]}"
}

# rack_said LABEL WORD...: each is a word of what the machine said.
rack_said() {
    local label=$1 word missing=
    shift
    [ "$said" != "not wanted" ] || return 0
    for word; do
        case " $said " in
        *" $word "*) ;;
        *) missing="$missing $word" ;;
        esac
    done
    is "$label" "${missing:+without$missing: $said}" ""
}

# rack_said_up LABEL N WORD...: it has its address, its name and its overlay, besides these words.
rack_said_up() {
    local label=$1 number=$2
    shift 2
    rack_said "$label: address, name, overlay" "ip=$(rack_address "$number")" "hostname=n$number" "node=n$number" \
        "operator=$(md5sum <"$LAB_DIR/root/files/own/opt/operator" | cut -c 1-32)" "$@"
}

# rack_boots LABEL N WORDS COMMAND...: node N boots, and comes up so.
rack_boots() {
    local label=$1 number=$2 words=$3
    shift 3
    rack_boot "$label" "$number" "$rack_up" "$@"
    # shellcheck disable=SC2086 # a list
    rack_said_up "$label" "$number" $words
}
