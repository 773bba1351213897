#!/usr/bin/env python3
"""Malformed packets, from a machine on the network: badpackets.py INTERFACE MAC SERVER SEEDS

SEEDS is tests/fuzz/corpus: its DHCP and TFTP packets are sent with bytes changed, cut and repeated, and so are some that
try to put control characters into the server's log. The same packets on each run.
"""
import os
import random
import socket
import struct
import sys

COUNT = 800  # of each protocol; over in a second or two
ESCAPE = b"\x1b[2J\x9b31m\r\nred"

interface, mac, server, seeds = sys.argv[1:]
mac = bytes.fromhex(mac.replace(":", ""))
chance = random.Random(7)


def corpus(name):
    folder = os.path.join(seeds, name)
    packets = []
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), "rb") as f:
            packets.append(f.read())
    return packets


def changed(packet):
    data = bytearray(packet)
    for _ in range(chance.randrange(1, 9)):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
    what = chance.randrange(4)
    if what == 0:
        del data[chance.randrange(len(data)):]
    elif what == 1:
        data += data[chance.randrange(len(data)):] * chance.randrange(3)
    return bytes(data[:1400])


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def frame(payload):
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHIBBH4s4s", 0x45, 0, 20 + len(udp), 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + mac + b"\x08\0" + ip + udp


def dhcp(kind, *options):
    """A request of ours, well-formed but for what the options hold."""
    packet = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, chance.getrandbits(32), 0, 0, *[bytes(4)] * 4)
    packet += mac + bytes(10 + 64 + 128) + b"\x63\x82\x53\x63" + bytes((53, 1, kind))
    for number, value in options:
        packet += bytes((number, len(value))) + value
    return packet + b"\xff"


def send_dhcp():
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((interface, 0))
    for packet in corpus("dhcp"):
        if len(packet) > 34:
            packet = packet[:28] + mac + packet[34:]
            for _ in range(COUNT // 12):
                wire.send(frame(changed(packet)))
    for kind in (1, 3, 8):
        wire.send(frame(dhcp(kind, (12, ESCAPE), (60, b"PXEClient:" + ESCAPE), (77, ESCAPE), (97, ESCAPE), (81, ESCAPE))))
    wire.send(frame(dhcp(4, (50, bytes(4)), (54, socket.inet_aton(server)), (56, ESCAPE))))
    for size in (0, 1, 27, 28, 240):
        wire.send(frame(bytes(size)))


def send_tftp():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for packet in corpus("tftp"):
        for _ in range(COUNT // 5):
            udp.sendto(changed(packet), (server, 69))
    for bad in (b"", b"\0", b"\0\1", b"\0\1a", b"\0\1a\0", b"\0\1a\0octet", b"\0\1" + ESCAPE + b"\0octet\0",
                b"\0\1../../etc/shadow\0octet\0", b"\0\1/etc/shadow\0octet\0", b"\0\1a\0octet\0blksize\0" + ESCAPE + b"\0",
                b"\0\1pxelinux.0\0octet\0blksize\0" + b"9" * 400 + b"\0windowsize\0-1\0tsize\0\xff\0",
                b"\0\2x\0octet\0", b"\0\3\0\1data", b"\0\4\0\1", b"\0\5\0\1" + ESCAPE + b"\0", b"\0\6a\0", b"\xff" * 600):
        udp.sendto(bad, (server, 69))
    for _ in range(5):
        if break_off():
            return
    sys.exit("no data of pxelinux.0")


def break_off():
    """An error with escapes, in a transfer that runs."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(2)
    udp.sendto(b"\0\1pxelinux.0\0octet\0", (server, 69))
    try:
        data, peer = udp.recvfrom(2048)
    except socket.timeout:
        return False
    udp.sendto(b"\0\5\0\0" + ESCAPE + b"\0", peer)
    return data[:2] == b"\0\3"


def send_http():
    for bad in (b"", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + ESCAPE + b" HTTP/1.1\r\n\r\n",
                b"GET /a HTTP/1.1\r\nHost: " + ESCAPE + b"\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                b"GET /pxelinux.0 HTTP/1.1\r\nHost: x\r\nRange: bytes=-" + b"9" * 40 + b"\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
                b"GET /..%2f..%2fetc/shadow HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"):
        with socket.create_connection((server, 8080), 5) as tcp:
            tcp.settimeout(0.2)
            try:
                tcp.sendall(bad)
                tcp.recv(4096)
            except OSError:
                pass


send_dhcp()
send_tftp()
send_http()
