#!/bin/bash
# UEFI HTTP Boot by HTTPS: a machine in whose firmware our certificate is enrolled boots Linux, and every byte of it comes by
# TLS; one that does not know the certificate takes nothing.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

# enrolled FILE: the certificate as firmware keeps it, an EFI_SIGNATURE_LIST of one X.509 certificate (UEFI 32.4.1).
enrolled() {
    openssl x509 -in "$LAB_DIR/root/tls/certificate.pem" -outform DER -out "$LAB_DIR/certificate.der" &&
        python3 -c '
import struct, sys, uuid
der = open(sys.argv[1], "rb").read()
x509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
sys.stdout.buffer.write(x509 + struct.pack("<III", 28 + 16 + len(der), 0, 16 + len(der)) + bytes(16) + der)
' "$LAB_DIR/certificate.der" >"$1"
}

rack_open linux
rack_do network set lab --subnet "$LAB_PREFIX.0/24" --https on >"$LAB_DIR/network.log" 2>&1 ||
    bail "the network is set" "$LAB_DIR/network.log"
rack_node 1 linux --kernel-options console=ttyS0
rack_node 2 linux --kernel-options console=ttyS0
rack_serve --interface br0 --https-port 443
enrolled "$LAB_DIR/cacerts" || bail "the certificate can be enrolled"

rack_boot "UEFI HTTP Boot by HTTPS" 1 "$rack_up" lab_uefi http -fw_cfg "name=etc/edk2/https/cacerts,file=$LAB_DIR/cacerts"
check "it was sent an https URL" grep -q 'n1 .*ACK .*boot file https://' "$LAB_DIR/server.log"
rack_boot "a machine without the certificate starts nothing" 2 'failed to load Boot.*' lab_uefi http
check "and took nothing" test -z "$(grep 'n2 .*kernel 1/1' "$LAB_DIR/server.log")"
tap_end
