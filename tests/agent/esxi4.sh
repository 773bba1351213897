#!/bin/bash
# The agent on ESXi 3.5 to 4.1, against stand-ins of its programs (tests/agent/standin): not a real ESXi. No root, loopback alone.
set -u
# shellcheck source=tests/agent/lib.sh
. "$(dirname "$0")/lib.sh"

fresh esxi4
share nas:/vms "web 1/web 1.vmx" db/db.vmx
mkdir -p "$STANDIN/disk"
echo disk >"$STANDIN/lun"
limit_mount=3
touch "$STANDIN/hang.dead"
list 'store|dead|nfs|nas|/dead|rw|read' 'store|my vms|nfs|nas|/vms|rw|write' 'store|gone|nfs|nas|/gone|rw|write' 'store|new|nfs41|nas|/vms|rw|read' \
    'store|disk|iscsi|10.0.0.5:3260|iqn.2009-01.lan:disk|rw|read' 'vm|my vms|db/db.vmx|db|on|3|moved|' 'vm|my vms|web 1/web 1.vmx|web 1|off|0|moved|'
boot
check_step "a boot: all is restored" 'restored|||2 of 2 machines'
check_report "and reported" 'store|dead|failed|the mount took longer than 3 seconds' 'store|my vms|ok|rw' \
    'store|gone|failed|Unable to connect to NAS volume gone: Unable to connect to NFS server' 'store|new|failed|NFS 4.1 needs ESXi 6.0' 'store|disk|ok|rw' \
    'vm|my vms|db/db.vmx|db|on|' 'vm|my vms|web 1/web 1.vmx|web 1|off|'
is "mounted by esxcfg-nas" "$(ran 'esxcfg-nas -a my vms -o nas -s /vms')" 1
is "the target's portal, at its own port, by the adapter that there is" "$(ran 'vmkiscsi-tool -D -a 10.0.0.5 vmhba34')" 1
agent_end
check_clean "a boot"

check "mounted already" call host_mount 'my vms' nfs nas /vms rw
touch "$STANDIN/unmounted"
check "known, and not mounted: mounted again" call host_mount 'my vms' nfs nas /vms rw
is "by what is known" "$(ran 'esxcfg-nas -r') $(ran 'esxcfg-nas -a my vms')" "1 1"
check_fails "an error with exit status 0" call host_mount gone nfs nas /gone rw
share nas:/read
check "for reading" call host_mount read nfs nas /read ro
is "says so" "$(ran 'esxcfg-nas -a read -o nas -s /read -y')" 1
rm "$STANDIN/volumes/disk" "$STANDIN/portal" "$STANDIN/lun"
touch "$STANDIN/is-3.5"
is "3.5: no such volume" "$(call host_mount disk iscsi 10.0.0.5:3261 iqn.2009-01.lan:disk rw)" "no volume with the label disk on iqn.2009-01.lan:disk"
is "its adapter has one name" "$(ran 'vmkiscsi-tool -D -a 10.0.0.5:3261 vmhba32')" 1
touch "$STANDIN/no-processes"
is "3.5 and 4.0: each machine is asked whether it runs" "$(call host_list | cut -d'|' -f 2,5 | sort | tr '\n' ' ')" "off|web 1 on|db "
tap_end
