#!/usr/bin/env python3
"""Boots as firmware does in a network with a DHCP server and a boot server beside it (ProxyDHCP), down to the boot file.

dhcp_boot_client.py KIND INTERFACE MAC SEEDS [GATEWAY]: KIND is ovmf, http, ipxe or ipxe_menu; prints "IP FILE SERVER",
or says what firmware would have stumbled over. Written from what EDK2 and iPXE do with these packets, not from the
server; the first packets are those of real machines (SEEDS), with another MAC.
"""
import socket
import struct
import subprocess
import sys
import time

from dhcp_client import Wire, expect, options, seed

MASK, SERVER, CLASS, VENDOR = 1, 54, 60, 43


class Answer:
    def __init__(self, frame):
        packet = frame[14:]
        header = (packet[0] & 15) * 4
        self.to_mac = frame[:6]
        self.source, self.to = (socket.inet_ntoa(packet[i:i + 4]) for i in (12, 16))
        udp = packet[header:struct.unpack("!H", packet[2:4])[0]]
        self.source_port, self.port = struct.unpack("!HH", udp[:4])
        data = udp[8:]
        self.xid, self.flags = data[4:8], data[10:12]
        self.yiaddr, self.siaddr = (socket.inet_ntoa(data[i:i + 4]) for i in (16, 20))
        self.chaddr = data[28:34]
        self.file = data[108:236].split(b"\0")[0].decode()
        self.options = options(udp)
        self.type = self.options[53][0]

    def boot_file(self):
        """Option 67 before the field, as every firmware reads it."""
        return self.options.get(67, b"").split(b"\0")[0].decode() or self.file

    def pxe(self):
        """The sub-options of 43, when the answer is for PXEClient."""
        data, found, at = self.options.get(VENDOR, b""), {}, 0
        while self.options.get(CLASS, b"")[:9] == b"PXEClient" and at + 1 < len(data) and data[at] != 255:
            found[data[at]] = data[at + 2:at + 2 + data[at + 1]]
            at += 2 + data[at + 1]
        return found

    def is_for(self, who):
        return self.options.get(CLASS, b"")[:len(who)] == who


class Machine:
    def __init__(self, interface, mac, seeds, gateway=None):
        self.interface, self.seeds, self.gateway = interface, seeds, gateway
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.wire = Wire(interface)
        self.ip = None

    def own(self, name):
        """A real machine's packet, with this MAC in it."""
        packet = seed(self.seeds, name)
        return packet.replace(packet[28:34], self.mac)

    def hear(self, xid, port, seconds):
        """All replies with this xid to this port."""
        heard, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.wire.socket.settimeout(left)
            try:
                frame = self.wire.socket.recv(65536)
            except socket.timeout:
                break
            if len(frame) < 14 + 28 + 240 or frame[23] != 17 or frame[42] != 2:
                continue
            answer = Answer(frame)
            if answer.port == port and answer.xid == xid and answer.chaddr == self.mac:
                heard.append(answer)
        return heard

    def discover(self, name):
        """(an offer of an address, offers without one)"""
        packet = self.own(name)
        self.wire.say(packet, self.mac)
        offers = self.hear(packet[4:8], 68, 2.5)
        expect(all(o.type == 2 for o in offers), "only OFFERs for a DISCOVER")
        leases = [o for o in offers if o.yiaddr != "0.0.0.0"]
        proxies = [o for o in offers if o.yiaddr == "0.0.0.0"]
        expect(len(leases) == 1, f"an address from one server alone, but {[o.source for o in leases]}")
        expect(len(proxies) <= 1, f"one answer from the boot server, but {len(proxies)}")
        for offer in proxies:
            for code in (MASK, 3, 6, 51, 58, 59):
                expect(code not in offer.options, f"no option {code} in a proxy's offer")
        return leases[0], proxies

    def request(self, name, offer):
        """Takes the address; the boot server keeps out of it."""
        packet = self.own(name)
        packet = packet[:240] + self.replace(packet[240:], {54: offer.options[SERVER], 50: socket.inet_aton(offer.yiaddr)})
        self.wire.say(packet, self.mac)
        acks = self.hear(packet[4:8], 68, 1.5)
        expect([a.source for a in acks] == [offer.source] and acks[0].type == 5, "one ACK, from who gives the address")
        self.ip = acks[0].yiaddr
        subprocess.run(["ip", "address", "replace", f"{self.ip}/24", "dev", self.interface], check=True)
        if self.gateway:
            subprocess.run(["ip", "route", "replace", "default", "via", self.gateway], check=True)

    @staticmethod
    def replace(data, values):
        out, at = b"", 0
        while at < len(data) and data[at] != 255:
            if data[at] == 0:
                at += 1
                continue
            value = values.get(data[at], data[at + 2:at + 2 + data[at + 1]])
            out += bytes([data[at], len(value)]) + value
            at += 2 + data[at + 1]
        return out + b"\xff"

    def ask_4011(self, server, port, xid, flags, tail):
        """A REQUEST to port 4011, and the one ACK, where it was asked from."""
        header = struct.pack("!BBBBIHH4s12x6s10x192x", 1, 1, 6, 0, xid, 0, flags, socket.inet_aton(self.ip), self.mac)
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        asker.bind((self.ip, port))
        asker.sendto(header + b"\x63\x82\x53\x63" + tail, (server, 4011))
        acks = self.hear(struct.pack("!I", xid), port, 1.5)
        expect(len(acks) == 1 and acks[0].type == 5, f"one ACK from port 4011 to port {port}, but {len(acks)}")
        expect(acks[0].source_port == 4011 and acks[0].source == server, "it comes from where it was asked")
        expect(acks[0].to == self.ip and acks[0].to_mac == self.mac, "it goes to the machine alone")
        return acks[0]

    def done(self, answer, server):
        expect(answer.boot_file() and answer.boot_file() == answer.file, "a boot file, in both places")
        print(self.ip, answer.boot_file(), server)


def boot_ovmf(machine):
    """EDK2, UefiPxeBcDxe: a proxy's offer with discovery options is dropped, one without is asked on 4011."""
    offer, proxies = machine.discover("ovmf-discover")
    proxies = [p for p in proxies if p.is_for(b"PXEClient") and not set(p.pxe()) & {6, 7, 8, 9, 10}]
    expect(proxies, "a proxy's offer that EDK2 keeps")
    machine.request("ovmf-request", offer)
    server = proxies[0].siaddr if proxies[0].siaddr != "0.0.0.0" else socket.inet_ntoa(proxies[0].options[SERVER])
    asked = machine.own("ovmf-discover")
    found = options(b"\0" * 8 + asked)
    tail = b"".join(bytes([c, len(v)]) + v for c, v in
                    [(53, b"\3")] + [(c, found[c]) for c in (55, 57, 60, 93, 94, 97)]) + b"\xff"
    ack = machine.ask_4011(server, 4011, 0x1234abcd, 0, tail)
    expect(not set(ack.pxe()) & {6, 7, 8, 9, 10}, "no discovery options in the ACK: EDK2 would look for a menu")
    machine.done(ack, ack.siaddr)


def boot_http(machine):
    """EDK2, HttpBootDxe: takes the URL from the offer; an offer without yiaddr that is not for HTTPClient is bad."""
    offer, proxies = machine.discover("ovmf-http-discover")
    expect(proxies and proxies[0].is_for(b"HTTPClient"), "a proxy's offer for HTTPClient")
    expect(proxies[0].boot_file().startswith("http://"), "a whole URL")
    machine.request("wire-uefi-ovmf-http-boot-grub-02-client", offer)
    machine.done(proxies[0], proxies[0].siaddr)


def offered_to_ipxe(machine):
    offer, proxies = machine.discover("ipxe-discover")
    proxies = [p for p in proxies if p.is_for(b"PXEClient")]
    expect(proxies, "a proxy's offer for PXEClient")
    machine.request("ipxe-request", offer)
    return proxies[0]


def boot_ipxe(machine):
    """iPXE, dhcp.c: next server and file name in the offer are enough, unless a menu is to be shown first."""
    proxy = offered_to_ipxe(machine)
    expect(proxy.siaddr != "0.0.0.0" and proxy.boot_file(), "PXE options in the offer")
    expect(proxy.pxe().get(6, b"\0")[0] & 8, "no menu: take the file")
    machine.done(proxy, proxy.siaddr)


def boot_ipxe_menu(machine):
    """The other way, by port 4011: from 68, xid 0, broadcast flag, and the menu item as in the reference boot."""
    proxy = offered_to_ipxe(machine)
    asked = machine.own("wire-bios-proxydhcp-4011-08-client-4011")
    ack = machine.ask_4011(proxy.siaddr, 68, 0, 0x8000, asked[240:])
    expect(ack.options[VENDOR] == b"\x47\4\x80\0\0\0\xff", "its menu item confirmed")
    machine.done(ack, ack.siaddr)


def boot_count(machine):
    """Not a boot: how many answers a DISCOVER has on this interface."""
    packet = machine.own("udhcpc-discover")
    machine.wire.say(packet, machine.mac)
    print(len(machine.hear(packet[4:8], 68, 1.5)))


if __name__ == "__main__":
    globals()["boot_" + sys.argv[1]](Machine(*sys.argv[2:]))
