#!/bin/bash
# The main job, shown from end to end on a private network: an ISO goes in, a diskless machine boots it, its operator logs
# in. ISO=path takes your own image as far as QEMU can follow. Needs root; leaves nothing running.
set -u
top=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "demo: run this as root, or install sudo: it makes a private network" >&2; exit 1; }
    exec sudo ISO="${ISO-}" "$0"
fi
# shellcheck source=tests/lib/lab.sh
. "$top/tests/lib/lab.sh"
bootherd=$top/build/src/bootherd
password="walnut 4 Harbour"
address=$LAB_PREFIX.11
boot_limit_s=300

step_started=$SECONDS
step() {
    [ -z "${step_name-}" ] || printf -- '-- %s: %d s\n' "$step_name" $((SECONDS - step_started))
    step_started=$SECONDS
    step_name=$1
    [ -z "$1" ] || printf '\n== %s\n' "$1"
}

# Shows a command as an operator would type it, then runs it.
show() {
    printf '$ %s\n' "$*" | sed "s|$bootherd|bootherd|; s| --root $LAB_DIR/root||; s|$LAB_DIR/||g"
    "$@"
}

fail() {
    printf '\ndemo: %s\n' "$1" >&2
    [ ! -s "$LAB_DIR/serve.log" ] || { echo "the server's last words:" >&2 && tail -n 10 "$LAB_DIR/serve.log" >&2; }
    exit 1
}

# The server's story, as it happens, until the pattern shows on the machine's console (or the limit is reached).
follow_boot() {
    tail -n +1 -f --pid="$machine" "$LAB_DIR/serve.log" > >(exec sed -u 's/^/    /') &
    local tail_pid=$! result=0
    lab_wait "$1" "$2" "$boot_limit_s" "$machine" >"$LAB_DIR/wait.log" || result=1
    sleep 1 # the last line of the story may still be on its way
    kill "$tail_pid" 2>/dev/null
    wait "$tail_pid" 2>/dev/null
    return "$result"
}

prepare() {
    lab_open || exit 1
    if [ -n "${ISO-}" ]; then
        iso=$(readlink -f "$ISO")
        [ -r "$iso" ] || fail "ISO=$ISO: no such file"
        return
    fi
    step "Make a stand-in ISO with the vendor's layout (no vendor image may be handed out)"
    iso=$LAB_DIR/standin.iso
    "$top/tests/standin/make-iso.sh" "$iso" || fail "the stand-in ISO could not be made"
}

import_and_define() {
    step "Look into the ISO, then take it into the store: no mount, no root needed, no temporary copy"
    show "$bootherd" image inspect "$iso" || fail "the image was not recognised"
    show "$bootherd" --root "$LAB_DIR/root" image import "$iso" --name esxi4 || fail "the import failed"
    step "Define a machine, with a password that only its owner knows"
    printf '%s\n' "$password" >"$LAB_DIR/password"
    show "$bootherd" --root "$LAB_DIR/root" node set n1 --mac "$(lab_mac 1)" --ip "$address" --image esxi4 \
        --password-file "$LAB_DIR/password" || fail "the node was not taken"
}

serve_and_boot() {
    step "Serve on a private bridge, and switch a diskless machine on (QEMU, no KVM)"
    printf '$ bootherd serve --interface br0\n'
    lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$LAB_DIR/root" serve --interface br0
    server=$LAB_PID
    lab_wait "$LAB_DIR/serve.log" '^serving on' 30 "$server" || fail "the server did not start"
    lab_machine n1 1 e1000 -m "$1" || fail "QEMU did not start"
    machine=$LAB_PID
}

log_in() {
    step "Log in by SSH with the chosen password"
    printf '$ ssh root@%s\n' "$address"
    # shellcheck disable=SC2016
    lab_ssh "$address" root "$password" 'echo "    logged in on $(hostname) as $(whoami), up $(cut -d. -f1 /proc/uptime) s"' ||
        fail "SSH did not let us in"
    if lab_ssh "$address" root "wrong" true 2>/dev/null; then fail "SSH took a wrong password"; fi
    echo "    a wrong password is refused"
}

next_steps() {
    cat <<'END'

== What to do next, on your own network
    make install
    bootherd image import /path/to/your.iso            # ESXi 3.5 to 8, Xen, Linux
    bootherd node set n1 --mac MAC --ip ADDRESS --image NAME --password
    bootherd explain n1                                # what it will get, byte for byte
    bootherd serve --interface eth1                    # the network card of the machines' network
    bootherd status n1                                 # how far it got; bootherd help lists the rest
Another DHCP server answers on that network? bootherd network set lab --subnet ... --mode proxy; bootherd doctor looks.
END
}

prepare
import_and_define
if [ -n "${ISO-}" ]; then
    serve_and_boot 3072
    if follow_boot "$LAB_DIR/serve.log" 'all [0-9]+ files'; then
        echo "    everything was fetched; waiting up to 90 s for the booted system to ask for its address"
        lab_wait "$LAB_DIR/serve.log" '  booted  ' 90 "$machine" >/dev/null
    fi
    step ""
    echo "QEMU can follow this far; the rest needs a real machine. Its story:"
else
    serve_and_boot 256
    follow_boot "$LAB_DIR/n1.serial" 'STANDIN READY' || { sed 's/^/    /' "$LAB_DIR/wait.log"; fail "the machine did not come up"; }
    log_in
    step ""
fi
show "$bootherd" --root "$LAB_DIR/root" status n1
next_steps
echo "Everything that ran is stopped, and nothing is left behind but the build and its cache."
