# shellcheck shell=bash disable=SC2154 # LAB_DIR is lab.sh's
# Diskless machines with UEFI, beside the lab's with BIOS (lab.sh, which reads this file). Needs ovmf; for arm64
# qemu-system-arm and qemu-efi-aarch64.

# lab_uefi NAME N pxe|http|secure-pxe|secure-http [QEMU ARGUMENT...]: as lab_machine, an x86-64 PC with OVMF and a
# virtio card that boots by PXE, or by UEFI HTTP Boot; secure: with Secure Boot on and Microsoft's keys.
lab_uefi() {
    local name=$1 number=$2 mode=$3 machine=q35 code=OVMF_CODE_4M.fd vars=OVMF_VARS_4M.fd arguments=()
    shift 3
    case $mode in
    secure-*)
        # The firmware keeps the variables from the system by system management mode, which it has only without S3.
        machine=q35,smm=on code=OVMF_CODE_4M.secboot.fd vars=OVMF_VARS_4M.ms.fd
        arguments=(-cpu max -global "driver=cfi.pflash01,property=secure,value=on" -global ICH9-LPC.disable_s3=1)
        ;;
    esac
    lab_firmware "$name" "/usr/share/OVMF/$code" "/usr/share/OVMF/$vars" "${mode#secure-}" || return 1
    lab_qemu "$name" "$number" "$lab_uefi_card" qemu-system-x86_64 -machine "$machine" -m 512 "${arguments[@]}" \
        "${lab_firmware[@]}" "$@"
}

# lab_arm64 NAME N pxe|http [QEMU ARGUMENT...]: the same as an arm64 machine.
lab_arm64() {
    local name=$1 number=$2 mode=$3
    shift 3
    lab_firmware "$name" /usr/share/AAVMF/AAVMF_CODE.fd /usr/share/AAVMF/AAVMF_VARS.fd "$mode" || return 1
    lab_qemu "$name" "$number" "$lab_uefi_card" qemu-system-aarch64 -machine virt -cpu cortex-a57 -m 1024 \
        "${lab_firmware[@]}" "$@"
}

# An option ROM would be iPXE, in place of the firmware's own network boot; and OVMF runs one even under Secure Boot.
lab_uefi_card=virtio-net-pci,romfile=

# lab_firmware NAME CODE VARS pxe|http: sets the array lab_firmware, QEMU's arguments. The machine keeps its variables in
# a copy of its own.
lab_firmware() {
    local vars=$LAB_DIR/$1.vars support off=(IPv6PXESupport)
    # It tries IPv4 PXE, IPv6 PXE, then HTTP, and waits 120 s for an answer to the first.
    [ "$4" = pxe ] || off+=(IPv4PXESupport)
    cp --sparse=always "$3" "$vars" || return 1
    lab_firmware=(-drive "if=pflash,unit=0,format=raw,readonly=on,file=$2" -drive "if=pflash,unit=1,format=raw,file=$vars")
    for support in "${off[@]}"; do
        lab_firmware+=(-fw_cfg "name=opt/org.tianocore/$support,string=n")
    done
}
