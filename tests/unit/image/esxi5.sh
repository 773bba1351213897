#!/bin/bash
# esxi5.sh DIR VERSION BUILD: a folder with the layout of ESXi 5 to 8's installer ISO (names, order, boot.cfg with leading
# slashes), its modules small gzip files. DIR.want lists the modules of the installer's boot.cfg, one a line.
set -eu
dir=$1 version=$2 build=$3
kernel=b.b00
first=(jumpstrt.gz useropts.gz features.gz k.b00)
installer=(weaselin.v00)
case $version in
5.*)
    kernel=tboot.b00
    first=(b.b00 useropts.gz k.b00)
    installer=(weaselin.i00)
    ;;
6.*)
    first+=(chardevs.b00 user.b00)
    installer=(weaselin.t00)
    ;;
7.*) first+=(uc_intel.b00 uc_amd.b00 uc_hygon.b00) ;;
*) first+=(uc_intel.b00 uc_amd.b00 uc_hygon.b00 gc.v00 crx.v00 native_m.v00) ;;
esac
first+=(procfs.b00 vmx.v00 vim.v00 tpm.v00 sb.v00 s.v00)
drivers=(ata_liba.v00 ata_pata.v00 ahci.v00 brcmfcoe.v00 elxiscsi.v00 elxnet.v00 i40en.v00 igbn.v00 ixgben.v00 LSIProvi.v00
    lsi_mr3.v00 mtip32xx.v00 ne1000.v00 nmlx5_co.v00 nvme.v00 qedentv.v00 qlnative.v00 smartpqi.v00 vmkusb.v00 vmw_ahci.v00)
for i in $(seq 10 79); do
    drivers+=("drv_$i.v00")
done
last=(esxupdt.v00 tpmesxup.v00 "${installer[@]}" vsan.v00 vsanheal.v00 tools.t00 imgdb.tgz imgpayld.tgz)

rm -rf "$dir"
mkdir -p "$dir/efi/boot" "$dir/upgrade"
modules=("${first[@]}" "${drivers[@]}" "${last[@]}")
n=0
for name in "$kernel" "${modules[@]}"; do
    n=$((n + 1))
    { echo "$version $name" && seq $((n * 7)); } | gzip -n >"$dir/$name"
done
mkdir -p "$dir.sys/etc"
printf 'root:$6$vendor$x:13358:0:99999:7:::\nvpxuser:*:13358:0:99999:7:::\n' >"$dir.sys/etc/shadow"
tar --format=ustar -C "$dir.sys" -cf - etc/shadow | gzip -n >"$dir/s.v00"
rm -r "$dir.sys"
printf '%s\n' "${modules[@]}" >"$dir.want"

list=$(printf ' --- /%s' "${modules[@]}")
printf 'bootstate=0\ntitle=Loading ESXi installer\ntimeout=5\nprefix=\nkernel=/%s\nkernelopt=runweasel cdromBoot allowLegacyCPU=true\nmodules=%s\nbuild=\nupdated=0\n' \
    "$kernel" "${list# --- }" >"$dir/boot.cfg"
{ cat "$dir/boot.cfg" && echo '# EFI'; } >"$dir/efi/boot/boot.cfg"
for file in mboot.c32 isolinux.bin menu.c32 efiboot.img efi/boot/bootx64.efi efi/boot/crypto64.efi upgrade/precheck.py; do
    echo "$version $file" >"$dir/$file"
done
printf '<?xml version="1.0"?>\n<product>\n <esxVersion>%s</esxVersion>\n <esxRelease>%s</esxRelease>\n</product>\n' \
    "$version" "$build" >"$dir/upgrade/metadata.xml"
printf '1\nESXi\nVersion: %s\n' "$version" >"$dir/.DISCINFO"
printf 'VMware ESXi %s\n\nCopyright\n' "${version%.*}" >"$dir/vmware-esx-base-readme"
