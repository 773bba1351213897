# shellcheck shell=bash disable=SC2154 # the variables are make-iso.sh's
# Sourced by make-iso.sh: media of ESXi 5.0 and later, whose ISO holds the boot files themselves. The names and
# their order are those of the vendor's media; what is in them is said in README.md.

build_number5() {
    case $version in
    5.0) echo 5.0.0-0.0.469512 ;;
    5.5) echo 5.5.0-0.0.1331820 ;;
    6.7) echo 6.7.0-0.0.8169922 ;;
    7.0) echo 7.0.3-0.0.18644231 ;;
    8.0) echo 8.0.0-0.0.20513097 ;;
    esac
}

drivers_5="ata_pata.v00 ata_pata.v01 ata_pata.v02 ata_pata.v03 ata_pata.v04 ata_pata.v05 ata_pata.v06 ata_pata.v07 block_cc.v00
    ehci_ehc.v00 ima_qla4.v00 ipmi_ipm.v00 ipmi_ipm.v01 ipmi_ipm.v02 misc_cni.v00 misc_dri.v00 net_bnx2.v00 net_bnx2.v01
    net_cnic.v00 net_e100.v00 net_e100.v01 net_enic.v00 net_forc.v00 net_igb.v00 net_ixgb.v00 net_nx_n.v00 net_r816.v00
    net_s2io.v00 net_sky2.v00 net_tg3.v00 ohci_usb.v00 sata_ahc.v00 sata_ata.v00 scsi_aac.v00 scsi_adp.v00 scsi_bnx.v00
    scsi_fni.v00 scsi_hps.v00 scsi_ips.v00 scsi_lpf.v00 scsi_meg.v00 scsi_mpt.v00 scsi_qla.v00 uhci_usb.v00"
drivers_7="atlantic.v00 bnxtnet.v00 bnxtroce.v00 brcmfcoe.v00 elxiscsi.v00 elxnet.v00 i40en.v00 iavmd.v00 icen.v00 igbn.v00
    ionic_en.v00 irdman.v00 iser.v00 ixgben.v00 lpfc.v00 lpnic.v00 lsi_mr3.v00 lsi_msgp.v00 lsi_msgp.v01 lsi_msgp.v02
    mtip32xx.v00 ne1000.v00 nenic.v00 nfnic.v00 nhpsa.v00 nmlx4_co.v00 nmlx4_en.v00 nmlx4_rd.v00 nmlx5_co.v00 nmlx5_rd.v00
    ntg3.v00 nvme_pci.v00 nvmerdma.v00 nvmxnet3.v00 nvmxnet3.v01 pvscsi.v00 qcnic.v00 qedentv.v00 qedrntv.v00 qfle3.v00
    qfle3f.v00 qfle3i.v00 qflge.v00 rste.v00 sfvmk.v00 smartpqi.v00 vmkata.v00 vmkfcoe.v00 vmkusb.v00 vmw_ahci.v00"
system_7="crx.v00 elx_esx_.v00 btldr.v00 esx_dvfi.v00 esx_ui.v00 esxupdt.v00 tpmesxup.v00 weaselin.v00 loadesx.v00 lsuv2_hp.v00
    lsuv2_in.v00 lsuv2_ls.v00 lsuv2_nv.v00 lsuv2_oe.v00 lsuv2_oe.v01 lsuv2_oe.v02 lsuv2_sm.v00 native_m.v00 qlnative.v00
    vdfs.v00 vmware_e.v00 vsan.v00 vsanheal.v00 vsanmgmt.v00 tools.t00 xorg.v00 gc.v00 imgdb.tgz"

# As boot.cfg has them, without the slash before each.
modules5() {
    local names
    case $version in
    5.0) names="b.b00 useropts.gz k.b00 a.b00 ${drivers_5//_/-} s.v00 misc-cni.v00 net-e100.v02 weaselin.i00 tools.t00
        xlibs.v00 imgdb.tgz imgpayld.tgz" ;;
    5.5) names="b.b00 jumpstrt.gz useropts.gz k.b00 chardevs.b00 a.b00 user.b00 uc_intel.b00 sb.v00 s.v00 $drivers_5
        LSIProvi.v00 weaselin.t00 esx_dvfi.v00 xlibs.v00 tools.t00 imgdb.tgz imgpayld.tgz" ;;
    6.7) names="jumpstrt.gz useropts.gz features.gz k.b00 chardevs.b00 user.b00 procfs.b00 uc_intel.b00 uc_amd.b00 vmx.v00
        vim.v00 sb.v00 s.v00 $drivers_5 ${drivers_7%% nmlx4*} elx_esx_.v00 btldr.t00 esx_dvfi.v00 esx_ui.v00
        weaselin.t00 vsan.v00 vsanheal.v00 vsanmgmt.v00 tools.t00 xorg.v00 imgdb.tgz imgpayld.tgz" ;;
    7.0) names="jumpstrt.gz useropts.gz features.gz k.b00 uc_intel.b00 uc_amd.b00 uc_hygon.b00 procfs.b00 vmx.v00 vim.v00
        tpm.v00 sb.v00 s.v00 $drivers_7 bmcal.v00 $system_7 imgpayld.tgz" ;;
    8.0) names="jumpstrt.gz useropts.gz features.gz k.b00 uc_intel.b00 uc_amd.b00 uc_hygon.b00 procfs.b00 vmx.v00 vim.v00
        tpm.v00 sb.v00 s.v00 bcm_mpi3.v00 dwi2c.v00 intelgpi.v00 ionic_cl.v00 nvmetcp.v00 rdmahl.v00 vmksdhci.v00
        $drivers_7 bmcal.v00 clusters.v00 drivervm.v00 $system_7 basemisc.tgz resvibs.tgz esxiodpt.tgz imgpayld.tgz" ;;
    esac
    # shellcheck disable=SC2086 # one name a word
    echo $names | tr ' ' '\n' | awk '!seen[$0]++' | xargs
}

boot_kernel5() {
    case $version in
    5.*) echo tboot.b00 ;;
    *) echo b.b00 ;;
    esac
}

# boot_cfg5: 8.0's has a line more.
boot_cfg5() {
    local modules
    modules=$(modules5)
    printf 'bootstate=0\ntitle=Loading ESXi installer\ntimeout=5\n'
    [ "${version%%.*}" -lt 7 ] || printf 'prefix=\n'
    printf 'kernel=/%s\nkernelopt=runweasel%s\n' "$(boot_kernel5)" "$([ "${version%%.*}" -lt 7 ] || echo ' cdromBoot')"
    printf 'modules=/%s\nbuild=%s\nupdated=0\n' "${modules// / --- \/}" "$(build_number5)"
}

build_system5() {
    local root=$work/s.d
    rm -rf "$root"
    cp -r "$here/sys" "$root" && rm -r "$root/etc/inetd.conf" "$root/sbin"/{esxcfg-*,vim-cmd} || return 1
    cp -r "$here/sys5/." "$root" && install_programs "$root" && rm "$root/sbin/inetd" || return 1
    mv "$root/etc/vmware/init/init.d" "$root/etc/vmware/init/steps"
    [ "$version" != 5.0 ] || rm -r "$root/etc/rc.local.d"
    [ "${version%%.*}" -lt 7 ] || : >"$root/etc/vmware/configstore"
    sed -i "s/@PRODUCT@/VMware ESXi $version (stand-in)/" "$root/etc/vmware/welcome"
    find "$root/etc" -type f -exec chmod 644 {} +
    chmod 755 "$root"/sbin/* "$root"/etc/init.d/* "$root/etc/udhcpc.script" "$root/etc/vmware/init/run"
    ln -s localcli "$root/sbin/esxcli"
    chmod 600 "$root/etc/shadow"
    stamp "$root" s.v00
    archive "$root" | gzip -6n >"$work/s.v00"
}

# Every other module is small and unlike any other.
small_module() {
    local name=$1 root=$work/small.d
    case $name in
    *.b00 | *.gz) printf 'stand-in for %s of ESXi %s\n' "$name" "$version" | gzip -9n && return ;;
    esac
    rm -rf "$root"
    stamp "$root" "$name"
    mkdir -p "$root/usr/lib/vmware/standin"
    echo "$name of ESXi $version" >"$root/usr/lib/vmware/standin/$name"
    case $name in
    weaselin.*) : >"$root/etc/vmware/weasel" ;; # the machine stops when it finds this
    tools.t00) filler "$root/usr/lib/vmware/isoimages/linux.iso" 1 300000 ;;
    esac
    archive "$root" | gzip -9n
}

# The ISO's root under the names of boot.cfg.
build_modules5() {
    local name root=$work/modules.d
    rm -rf "$root"
    mkdir -p "$root"
    for name in $(boot_kernel5) $(modules5); do
        case $name in
        tboot.b00) cp "$parts/vmkboot.gz" "$root/$name" ;;
        b.b00) if [ "$(boot_kernel5)" = b.b00 ]; then cp "$parts/vmkboot.gz" "$root/$name"; else small_module "$name" >"$root/$name"; fi ;;
        k.b00) cp "$parts/vmk.gz" "$root/$name" ;;
        jumpstrt.gz) cp "$parts/ramdisk.gz" "$root/$name" ;;
        s.v00) cp "$work/s.v00" "$root/$name" ;;
        *) small_module "$name" >"$root/$name" ;;
        esac || return 1
    done
}

# A COM32 program says by its first bytes for which SYSLINUX it is; these mean one before 5.00. More than that, mboot.c32 has
# no part in the tests: tests/boot/mboot_client.py stands in for it.
com32_program() {
    printf '\xb8\xff\x4c\xcd\x21\xc3 stand-in for mboot.c32 of ESXi %s\n' "$version"
}

metadata_xml() {
    printf '<metadataResponse>\n  <version>1.0</version>\n  <response>\n    <esxVersion>%s</esxVersion>\n' "${1%%-*}"
    printf '    <esxRelease>%s</esxRelease>\n  </response>\n</metadataResponse>\n' "${1#*-}"
}

root_of_5() {
    local root=$1 build
    build=$(build_number5)
    mkdir -p "$root/upgrade" "$root/efi/boot"
    boot_cfg5 >"$root/boot.cfg" && cp "$root/boot.cfg" "$root/efi/boot/boot.cfg"
    com32_program >"$root/mboot.c32"
    isolinux_cfg "ESXi-${build##*-}-standard Boot Menu" mboot.c32 "-c boot.cfg" | sed '/ APPEND /s/ [^ ]* --- / /' >"$root/isolinux.cfg"
    metadata_xml "$build" >"$root/upgrade/metadata.xml"
    if [ "${version%%.*}" = 5 ]; then
        printf 'VMware ESXi %s\n' "$version" >"$root/vmware-esx-base-readme"
    else
        printf 'ESXi\nVersion: %s\n' "${build%%-*}" >"$root/.discinfo"
        cp "$parts/mboot.efi" "$root/efi/boot/bootx64.efi"
    fi
    [ "${version%%.*}" -lt 7 ] || cp "$parts/crypto64.efi" "$root/efi/boot/crypto64.efi"
}

# Plain ISO 9660 is upper case and has no dash; xorriso adds Rock Ridge unless told not to, and keeps lower case with
# -boot-info-table.
iso5_names() {
    case $version in
    5.5) echo "-R" ;;
    6.7) echo "--norock -J" ;;
    *) echo "--norock -iso-level 2 -allow-leading-dots" ;;
    esac
}

build_iso5() {
    local root=$work/iso.d
    rm -rf "$root"
    cp -r "$work/modules.d" "$root" && root_of_5 "$root" || return 1
    cp "$parts"/debian/usr/lib/ISOLINUX/isolinux.bin "$root/"
    # A medium is known that spells this name unlike its boot.cfg.
    [ "$version" != 5.5 ] || mv "$root/LSIProvi.v00" "$root/lsiprovi.v00"
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    # shellcheck disable=SC2046 # one option a word
    xorriso -report_about WARNING -as mkisofs -quiet -V "ESXI-$version-STANDIN" $(iso5_names) -b isolinux.bin -c boot.cat \
        -no-emul-boot -boot-load-size 4 -o "$work/media.iso" "$root"
}

# compile_efi OUTPUT SOURCE...: a UEFI program, as gnu-efi makes them from a shared library.
compile_efi() {
    local output=$1 efi=$parts/debian/usr section sections=()
    shift
    gcc -m64 -std=gnu17 -Os -Wall -Wextra -Werror -ffreestanding -fpic -fshort-wchar -fno-stack-protector -mno-red-zone \
        -fno-strict-aliasing -fno-asynchronous-unwind-tables -fvisibility=hidden -DGNU_EFI_USE_MS_ABI -maccumulate-outgoing-args \
        -I"$efi/include/efi" -I"$efi/include/efi/x86_64" -shared -nostdlib -Wl,-Bsymbolic -Wl,-z,nocombreloc \
        -Wl,--no-warn-rwx-segments -T "$efi/lib/elf_x86_64_efi.lds" "$efi/lib/crt0-efi-x86_64.o" "$@" -L"$efi/lib" \
        -lefi -lgnuefi -o "$output.so" || return 1
    for section in .text .sdata .data .rodata .dynamic .dynsym .rel .rela '.rel.*' '.rela.*' .reloc; do
        sections+=(-j "$section")
    done
    objcopy "${sections[@]}" --target=efi-app-x86_64 --subsystem=10 "$output.so" "$output"
}

build_efi() {
    compile_efi "$parts/crypto64.efi" "$here/crypto64.c" && compile_efi "$parts/mboot.efi" "$here"/mboot/*.c
}

build_media5() {
    [ "${version%%.*}" = 5 ] ||
        step "mboot.efi, a UEFI loader" "$parts/mboot.efi" "$parts/unpacked.ok" "$here/mboot/*" "$here/*.c" -- build_efi
    step "s.v00, the system" "$work/s.v00" "$parts/unpacked.ok" "$here/sys/*/*" "$here/sys5/*/*" "$here/sys/etc/vmware/init/init.d/*" \
        "$here/sys5/etc/*/*" "$here/sys5/etc/vmware/init/*" "$here/esxi5.sh" -- build_system5
    step "the other modules" "$work/modules" "$work/s.v00.ok" "$parts/*.gz.ok" "$here/esxi5.sh" -- build_modules5
    step "ISO" "$work/media.iso" "$work/modules.ok" "$parts/*.ok" "$here/esxi5.sh" -- build_iso5
}
