#!/usr/bin/env python3
"""A BIOS machine as far as its boot files: PXE ROM, PXELINUX 3.86, VMware's mboot.c32.

    mboot_client.py INTERFACE FOLDER [--root-slash]

Asks by DHCP and TFTP what the three ask, in their order, and reads what comes as they do. Leaves the unpacked modules in
FOLDER, under their names, and in FOLDER/qemu the arguments, a line each, with which QEMU's multiboot loader boots them.
--root-slash: a name with a leading '/' is not put behind PXELINUX' own folder, as in version 4 and later.

SYSLINUX 3.86 is no Debian package, and no later one runs VMware's mboot.c32; so this program stands in for them.
Written from VMware's description of boot.cfg, the PXE specification 2.1, RFC 1350, 2131, 2347-2349 and SYSLINUX' manual.
"""
import os
import random
import re
import socket
import struct
import subprocess
import sys
import uuid
import zlib

ROM_BLOCK = 1456
PXELINUX_BLOCK = 1408
MODULE_TEXT = 256  # "path options" must be shorter
KERNEL_TEXT = 4096
NAME_MAX = 127  # of PXELINUX 3.86
MACHINE_UUID = uuid.UUID("5f2f9c66-2b1c-4a30-9d5b-000000000001")


def fatal(text):
    sys.exit("mboot_client: Fatal error: " + text)


def say(text):
    print(text, flush=True)


# --- DHCP, as a ROM asks ---

class Machine:
    """The lease and what came with it."""

    def __init__(self, interface):
        self.interface = interface
        with open(f"/sys/class/net/{interface}/address", encoding="ascii") as file:
            self.mac = bytes.fromhex(file.read().strip().replace(":", ""))
        self.address = self.server = self.boot_file = None
        self.options = {}

    def folder_name(self):
        return "01-" + self.mac.hex("-")

    def boot(self):
        transaction = random.getrandbits(32)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode() + b"\0")
            wire.bind(("", 68))
            offer = self.ask(wire, transaction, 1, {})
            self.read(self.ask(wire, transaction, 3, {50: offer["yiaddr"], 54: offer["options"][54]}))
        subprocess.run(["ip", "address", "add", f"{self.address}/24", "dev", self.interface], check=True)

    def packet(self, transaction, kind, more):
        options = {
            53: bytes([kind]),
            57: struct.pack(">H", 1260),
            55: bytes([1, 2, 3, 5, 6, 11, 12, 13, 15, 16, 17, 18, 43, 54, 60, 67, *range(128, 136)]),
            97: b"\0" + MACHINE_UUID.bytes_le,
            94: bytes([1, 2, 1]),
            93: struct.pack(">H", 0),
            60: b"PXEClient:Arch:00000:UNDI:002001",
            **more,
        }
        head = struct.pack(">BBBBIHH4s4s4s4s16s64s128s4s", 1, 1, 6, 0, transaction, 4, 0x8000, *[bytes(4)] * 4, self.mac,
                           b"", b"", b"\x63\x82\x53\x63")
        body = b"".join(bytes([code, len(value)]) + value for code, value in options.items())
        return (head + body + b"\xff").ljust(548, b"\0")

    def ask(self, wire, transaction, kind, more):
        """The first answer of the kind wanted: an OFFER to a DISCOVER, an ACK to a REQUEST."""
        for seconds in (2, 4, 8):
            wire.sendto(self.packet(transaction, kind, more), ("255.255.255.255", 67))
            wire.settimeout(seconds)
            try:
                while True:
                    answer = self.parse(wire.recv(2048), transaction)
                    if answer and answer["options"].get(53) == bytes([2 if kind == 1 else 5]):
                        return answer
            except socket.timeout:
                continue
        fatal("PXE-E51: No DHCP or proxyDHCP offers were received")
        return None

    def parse(self, data, transaction):
        if len(data) < 240 or data[0] != 2 or struct.unpack(">I", data[4:8])[0] != transaction:
            return None
        options, at = {}, 240
        while at < len(data) and data[at] != 255:
            if data[at] == 0:
                at += 1
                continue
            size = data[at + 1]
            options[data[at]] = options.get(data[at], b"") + data[at + 2:at + 2 + size]
            at += 2 + size
        return {"yiaddr": data[16:20], "siaddr": data[20:24], "file": data[108:236].split(b"\0")[0], "options": options}

    def read(self, ack):
        self.options = ack["options"]
        self.address = socket.inet_ntoa(ack["yiaddr"])
        # A ROM takes siaddr, and the field of the header unless option 67 is there.
        self.server = socket.inet_ntoa(ack["siaddr"])
        self.boot_file = self.options.get(67, ack["file"]).split(b"\0")[0].decode()
        if self.server == "0.0.0.0" or not self.boot_file:
            fatal("PXE-E53: No boot filename received")


# --- TFTP, lock-step ---

class Tftp:
    def __init__(self, server):
        self.server = server

    def get(self, name, block, size_only=False):
        """The file, or None when the server has none; of no bytes is none, as for a COM32 program. With size_only it is
        closed again after the server told its size."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.settimeout(2)
            request = b"\0\1" + b"\0".join([name.encode(), b"octet", b"tsize", b"0", b"blksize", str(block).encode(), b""])
            answer, peer = self.exchange(wire, request, (self.server, 69))
            if answer[:2] == b"\0\5":
                say(f"TFTP {name}: {answer[4:].rstrip(bytes(1)).decode(errors='replace')}")
                return None
            words = answer[2:].decode().lower().split("\0")
            agreed = dict(zip(words[::2], words[1::2]))
            if answer[:2] != b"\0\6" or "tsize" not in agreed or int(agreed.get("blksize", 0)) > block:
                fatal(f"{name}: the server does not say the size")
            size, block = int(agreed["tsize"]), int(agreed.get("blksize", 512))
            if size_only or not size:
                wire.sendto(b"\0\5\0\0Terminated\0", peer)
                return size or None
            data = self.receive(wire, peer, block)
        if len(data) != size:
            fatal(f"{name}: {len(data)} bytes came of {size}")
        say(f"TFTP {name}: {size} bytes")
        return data

    def exchange(self, wire, packet, to):
        for _ in range(6):
            wire.sendto(packet, to)
            try:
                return wire.recvfrom(65536)
            except socket.timeout:
                continue
        return fatal("TFTP: no answer")

    def receive(self, wire, peer, block):
        parts, number = [], 0
        while True:
            answer, who = self.exchange(wire, struct.pack(">HH", 4, number & 0xFFFF), peer)
            while who != peer or answer[:4] != struct.pack(">HH", 3, (number + 1) & 0xFFFF):
                if answer[:2] == b"\0\5":
                    fatal("TFTP: " + repr(answer[4:]))
                answer, who = wire.recvfrom(65536)
            parts.append(answer[4:])
            number += 1
            if len(answer) < 4 + block:
                wire.sendto(struct.pack(">HH", 4, number & 0xFFFF), peer)
                return b"".join(parts)


# --- PXELINUX 3.86 ---

class Pxelinux:
    def __init__(self, machine, root_slash):
        self.machine, self.root_slash = machine, root_slash
        self.tftp = Tftp(machine.server)
        program = self.tftp.get(machine.boot_file, ROM_BLOCK)
        if not program or b"PXELINUX 3.86" not in program:
            fatal(f"{machine.boot_file} is not PXELINUX 3.86")
        self.prefix = machine.options.get(210, machine.boot_file.encode()[:machine.boot_file.rfind("/") + 1]).decode()

    def get(self, name, size_only=False):
        if name.startswith("::"):
            name = name[2:]
        elif not (self.root_slash and name.startswith("/")):
            name = self.prefix + name
        if len(name) > NAME_MAX:
            fatal(f"{name}: longer than {NAME_MAX} characters")
        return self.tftp.get(name, PXELINUX_BLOCK, size_only)

    def config(self):
        address = socket.inet_aton(self.machine.address).hex().upper()
        names = [str(MACHINE_UUID), self.machine.folder_name(), *(address[:n] for n in range(8, 0, -1)), "default"]
        for name in names:
            text = self.get("pxelinux.cfg/" + name)
            if text:
                return text.decode()
        return fatal("Unable to locate configuration file")

    def command(self):
        """Program, arguments and IPAPPEND of the default label."""
        default, label, labels = None, None, {}
        for line in self.config().splitlines():
            word, _, rest = line.strip().partition(" ")
            word, rest = word.lower(), rest.strip()
            if word == "default":
                default = rest
            elif word == "label":
                label = labels.setdefault(rest, {})
            elif word in ("kernel", "append", "ipappend") and label is not None:
                label[word] = rest
        if default not in labels or "kernel" not in labels[default]:
            fatal("Could not find kernel image: " + str(default))
        chosen = labels[default]
        words = chosen.get("append", "").split()
        if int(chosen.get("ipappend", 0)) & 2:
            words.append("BOOTIF=" + self.machine.folder_name())
        return chosen["kernel"], words


# --- VMware's mboot.c32 ---

KEYS = {  # boot.cfg's, in mboot's order: a shortened key means the first that fits
    "title": str, "prefix": str, "kernel": str, "kernelopt": str, "modules": str, "nobootif": int, "timeout": int,
    "noquirks": int, "norts": int, "nativehttp": int, "crypto": str, "runtimewd": int, "runtimewdtimeout": int,
    "tftpblksize": int, "acpitables": str, "skip": int, "errtimeout": int,
}


def read_boot_cfg(text):
    values = {}
    for line in text.split("\n"):
        line = " ".join(line.split())
        if not line or line[0] == "#" or "=" not in line:
            continue
        key, _, value = line.partition("=")  # a blank before '=' stays with the key, which then fits none
        name = next((known for known in KEYS if known.startswith(key.lower())), None)
        if name is None:
            continue
        value = value.lstrip(" ")
        if KEYS[name] is int and not re.fullmatch(r"-?[0-9]*", value):
            fatal(f"boot.cfg: {line}: a number is expected")
        if values.get(name) and not value:
            fatal(f"boot.cfg: {name} is repeated without a value")
        values[name] = value
    if not values.get("kernel"):
        fatal("boot.cfg: kernel must be set")
    return values


def clean(path):
    head, found, rest = path.replace(" ", "").replace("\\", "/").rpartition("://")
    return head + found + re.sub("/+", "/", rest)


def join(folder, name):
    if not folder or name[0] in "/\\" or "://" in name:
        return clean(name)
    return clean(folder + "/" + name)


def gunzip(data, name):
    """By mboot's rule: one member, whose sum and size are the file's last 8 bytes."""
    if data[:3] != b"\x1f\x8b\x08":
        say(f"mboot: {name} is not compressed")
        return data
    unpacker = zlib.decompressobj(31)
    try:
        plain = unpacker.decompress(data)
    except zlib.error as error:
        return fatal(f"33 (Inconsistent data) {name}: {error}")
    if not unpacker.eof or unpacker.unused_data or struct.unpack("<II", data[-8:]) != (zlib.crc32(plain), len(plain)):
        fatal(f"33 (Inconsistent data) {name}")
    if not plain and len(data) > 256:
        fatal(f"33 (Inconsistent data) {name}")
    return plain


class Mboot:
    def __init__(self, pxelinux, program, words):
        self.pxelinux = pxelinux
        self.folder = program.rpartition("/")[0]
        self.given, self.words = self.options(words)
        magic = pxelinux.get(program)
        if not magic or magic[:5] != b"\xb8\xff\x4c\xcd\x21":
            fatal(f"{program} is no COM32 program of SYSLINUX 3")

    def options(self, words):
        given, words = None, list(words)
        while words and words[0].startswith("-"):
            if words[0] != "-c" or len(words) < 2:
                fatal("unknown option " + words[0])
            given, words = words[1], words[2:]
        return given, words

    def locate(self):
        """boot.cfg's path and text: beside mboot.c32 first, a given one from the root else."""
        if self.given:
            absolute = self.given[0] in "/\\" or "://" in self.given
            tries = [self.given] if absolute else [join(self.folder, self.given), "/" + self.given]
        else:
            tries = [join(self.folder, self.pxelinux.machine.folder_name() + "/boot.cfg"), join(self.folder, "boot.cfg")]
        for path in tries:
            text = self.pxelinux.get(path)
            if text:
                return path, text.decode()
        return fatal(f"15 (Not found) {tries[-1]}")

    def load(self, path, out):
        data = self.pxelinux.get(path)
        if not data:
            fatal(f"15 (Not found) {path}")
        target = os.path.join(out, os.path.basename(path))
        if os.path.exists(target):
            fatal(f"{path}: a second file of this name")
        with open(target, "wb") as file:
            file.write(gunzip(data, path))
        return target

    def run(self, out):
        path, text = self.locate()
        values = read_boot_cfg(text)
        prefix = values.get("prefix") or path.rpartition("/")[0]
        kernel = join(prefix, values["kernel"])
        modules = []
        for item in filter(None, (part.strip() for part in values.get("modules", "").split("---"))):
            name, _, options = item.partition(" ")
            modules.append((join(prefix, name), options))
            if len(f"{modules[-1][0]} {options}") >= MODULE_TEXT:
                fatal(f"Boot module string exceeds maximum supported length: {name}")
        line = " ".join(filter(None, [values.get("kernelopt", ""), *self.words]))
        if len(f"{kernel} {line}") >= KERNEL_TEXT:
            fatal("the kernel's command line is too long")
        for name in [kernel, *(name for name, _ in modules)]:
            if not self.pxelinux.get(name, size_only=True):
                fatal(f"15 (Not found) {name}")
        program = self.load(kernel, out)
        initrd = ",".join((self.load(name, out) + " " + options).strip().replace(",", ",,") for name, options in modules)
        return ["-kernel", program, "-initrd", initrd, "-append", line]


def main():
    arguments = [word for word in sys.argv[1:] if word != "--root-slash"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    interface, out = arguments
    machine = Machine(interface)
    machine.boot()
    say(f"DHCP: {machine.address}, {machine.boot_file} at {machine.server}")
    pxelinux = Pxelinux(machine, "--root-slash" in sys.argv)
    program, words = pxelinux.command()
    os.makedirs(out)
    command = Mboot(pxelinux, program, words).run(out)
    with open(os.path.join(out, "qemu"), "w", encoding="ascii") as file:
        file.write("\n".join(command) + "\n")
    say("mboot: all files are there")


main()
