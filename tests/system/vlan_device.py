#!/usr/bin/env python3
"""A tagged VLAN interface for kernels that have none (CONFIG_VLAN_8021Q): vlan_device.py PARENT NAME ID, until killed.

Makes NAME, a TAP with PARENT's hardware address; its frames travel on PARENT with an 802.1Q tag. Tests prefer the
kernel's own (ip link add ... type vlan); this one shows the same wire to the program under test.
"""
import fcntl
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
SIOCGIFHWADDR, SIOCSIFHWADDR = 0x8927, 0x8924
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID, ETH_P_ALL = 263, 8, 1 << 4, 3

parent, name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
tap = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
wire.bind((parent, 0))
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
address = fcntl.ioctl(wire, SIOCGIFHWADDR, struct.pack("16s24x", parent.encode()))
fcntl.ioctl(wire, SIOCSIFHWADDR, name.encode().ljust(16, b"\0") + address[16:])
print("ready", flush=True)

while True:
    for ready in select.select([tap, wire], [], [])[0]:
        if ready is tap:
            frame = tap.read(65536)
            wire.send(frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:])
            continue
        frame, extra, _, source = wire.recvmsg(65536, 256)
        for level, kind, data in extra:
            if level != SOL_PACKET or kind != PACKET_AUXDATA or source[2] == socket.PACKET_OUTGOING:
                continue
            status, _, _, _, _, tag = struct.unpack("IIIHHH", data[:18])
            if status & VLAN_VALID and tag & 0xFFF == vlan:
                try:
                    tap.write(frame)
                except OSError: # it is down
                    pass
