#!/usr/bin/env python3
"""Sends DHCP packets that no well-behaved client sends, and reads the answers off the wire.

dhcp_client.py INTERFACE CHECK [SEEDS]: exit status 0 when the server behaves. Written from RFC 791, 768 and 2131;
shares nothing with the server, so the frames' checksums are checked here.
"""
import os
import random
import socket
import struct
import sys
import time

ETHERNET = struct.Struct("!6s6sH")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Wire:
    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((interface, 0))

    def say(self, payload, mac, source="0.0.0.0", ip="255.255.255.255"):
        size = 8 + len(payload)
        udp = struct.pack("!HHHH", 68, 67, size, 0) + payload
        header = struct.pack("!BBHIBBH4s4s", 0x45, 0, 20 + size, 0, 64, 17, 0, socket.inet_aton(source),
                             socket.inet_aton(ip))
        header = header[:10] + struct.pack("!H", checksum(header) ^ 0xFFFF) + header[12:]
        self.socket.send(ETHERNET.pack(b"\xff" * 6, mac, 0x0800) + header + udp)

    def hear(self, timeout=1.5):
        """(destination MAC, destination IP, payload) of the next answer to port 68, or None."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame = self.socket.recv(65536)
            except socket.timeout:
                return None
            packet = frame[14:]
            if len(packet) < 28 or packet[9] != 17 or packet[20:24] != struct.pack("!HH", 67, 68):
                continue
            size = struct.unpack("!H", packet[2:4])[0]
            udp = packet[20:size]
            expect(checksum(packet[:20]) == 0xFFFF, "an IP header with a right checksum")
            return frame[:6], socket.inet_ntoa(packet[16:20]), udp
        return None


def udp_sum_right(ip, udp):
    pseudo = socket.inet_aton("10.77.0.1") + socket.inet_aton(ip) + struct.pack("!HH", 17, len(udp))
    return checksum(pseudo + udp) == 0xFFFF


def expect(condition, what):
    if not condition:
        sys.exit("not so: " + what)


def options(udp):
    found, at, data = {}, 240, udp[8:]
    while data[at] != 255:
        if data[at]:
            found[data[at]] = data[at + 2:at + 2 + data[at + 1]]
            at += 1 + data[at + 1]
        at += 1
    return found


def seed(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def check_copies(wire, folder):
    """iPXE's DISCOVER comes twice with one xid: both are answered, byte for byte the same, to its MAC."""
    packet = seed(folder, "ipxe-discover")
    mac = packet[28:34]
    answers = []
    for _ in range(2):
        wire.say(packet, mac)
        answers.append(wire.hear())
    expect(answers[0] and answers[0] == answers[1], f"two equal answers, but {answers}")
    to, ip, udp = answers[0]
    expect(to == mac and ip == "10.77.0.131", f"a frame to its MAC, but {to} {ip}")
    expect(udp_sum_right(ip, udp), "a right UDP checksum")
    expect(options(udp)[53] == b"\2" and udp[8 + 16:8 + 20] == socket.inet_aton(ip), "an OFFER of that address")
    expect(udp[8 + 108:8 + 119] == b"pxelinux.0\0", "a boot file")


def check_one_commit(wire, folder):
    """Copies of a REQUEST while the disk is busy: one ACK."""
    packet = seed(folder, "ipxe-request")
    for _ in range(3):
        wire.say(packet, packet[28:34])
    answer = wire.hear(3)
    expect(answer and options(answer[2])[53] == b"\5", f"an ACK, but {answer}")
    expect(wire.hear(1.5) is None, "one ACK")


def check_broadcast(wire, folder):
    packet = seed(folder, "ovmf-discover")
    wire.say(packet, packet[28:34])
    answer = wire.hear()
    expect(answer and answer[:2] == (b"\xff" * 6, "255.255.255.255"), f"a broadcast, but {answer}")
    expect(answer[2][8 + 10] == 0x80, "the flag")


def check_malformed(wire, folder):
    """Silence after each; and after a thousand random ones a good packet is answered as ever."""
    good = seed(folder, "ipxe-discover")
    mac = good[28:34]
    for bad in [b"", b"\1", good[:239], b"\2" + good[1:], good[:236] + b"\0\0\0\0" + good[240:], good[:300],
                good[:2] + b"\x11" + good[3:], good[:240] + b"\x35\1\2" + good[243:], good[:240] + b"\xff",
                good[:240] + b"\x35\xff"]:
        wire.say(bad, mac)
        expect(wire.hear(0.15) is None, f"silence after {bad.hex()}")
    chance = random.Random(3)
    for _ in range(1000):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 20)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        bad[0] = 9
        wire.say(bytes(bad[:chance.randrange(len(bad))]), mac)
    wire.say(good, mac)
    answer = wire.hear(3)
    expect(answer and answer[1] == "10.77.0.131", f"an OFFER, but {answer}")


if __name__ == "__main__":
    globals()["check_" + sys.argv[2]](Wire(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None)
