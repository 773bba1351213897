#!/usr/bin/python3
"""kernels.py DIR: kernels of which only the headers are true, laid out by hand from the documents that define them."""
import gzip
import os
import struct
import sys


def put(data, at, layout, *values):
    struct.pack_into(layout, data, at, *values)


def x86(version, xloadflags=1, protocol=0x20f):
    """Linux, Documentation/arch/x86/boot.rst."""
    data = bytearray(0x4000)
    data[0x1f1] = 0x1f  # setup_sects
    put(data, 0x1fe, "<H", 0xaa55)
    data[0x202:0x206] = b"HdrS"
    put(data, 0x206, "<H", protocol)
    put(data, 0x20e, "<H", 0x3000 - 0x200)
    put(data, 0x236, "<H", xloadflags)
    data[0x3000:0x3000 + len(version)] = version
    return data


def arm64(magic=b"ARM\x64"):
    """Linux, Documentation/arch/arm64/booting.rst; riscv's differs in the magic."""
    data = bytearray(0x2000)
    data[0x38:0x3c] = magic
    return data


def pe(machine, subsystem=10, magic=0x20b, into=None):
    """PE Format, "COFF File Header" and "Optional Header"."""
    data = into or bytearray(0x400)
    data[0:2] = b"MZ"
    put(data, 0x3c, "<I", 0x80)
    data[0x80:0x84] = b"PE\0\0"
    put(data, 0x84, "<H", machine)
    put(data, 0x80 + 24, "<H", magic)
    put(data, 0x80 + 24 + 68, "<H", subsystem)
    return data


def elf(machine, big=False):
    """System V ABI, "ELF Header"."""
    data = bytearray(0x9000)
    data[0:7] = b"\x7fELF" + bytes([2, 2 if big else 1, 1])
    put(data, 18, ">H" if big else "<H", machine)
    return data


def hypervisor(one=True, two=True, at=0x88):
    """Multiboot Specification 0.6.96, 3.1.1, and 2.0, 3.1.1."""
    data = elf(3)
    if one:
        put(data, at, "<III", 0x1badb002, 3, -(0x1badb002 + 3) & 0xffffffff)
    if two:
        put(data, at + 16, "<IIII", 0xe85250d6, 0, 0x88, -(0xe85250d6 + 0x88) & 0xffffffff)
    return data


debian = b"6.1.0-56-amd64 (debian-kernel@lists.debian.org) #1 SMP\0"
files = {
    "bz64": x86(debian),
    "bz64b": x86(b"6.1.0-57-amd64 (x@y) #1\0"),
    "bz32": x86(b"6.1.0-56-686 (x@y) #1\0", xloadflags=0),
    "bz-el6": x86(b"2.6.32-754.el6.x86_64 (x@y)\0", xloadflags=1, protocol=0x20a),
    "bz-old": x86(b"2.6.32-5-686 (x@y)\0", xloadflags=1, protocol=0x20a),
    "memtest": x86(b"Memtest86+ v6.10\0\0\0"),
    "stub64": pe(0x8664, into=x86(debian)),
    "arm64": arm64(),
    "arm64.gz": gzip.compress(arm64(), mtime=0),
    "riscv": arm64(b"RSC\x05"),
    "ppc": elf(21, big=True),
    "vmlinux": elf(62),
    "xen": hypervisor(),
    "xen.gz": gzip.compress(hypervisor(), mtime=0),
    "xen1.gz": gzip.compress(hypervisor(two=False), mtime=0),
    "xen2": hypervisor(one=False),
    "xenodd": hypervisor(at=0x8a),
    "xenfar": hypervisor(at=0x8000),
    "efi64": pe(0x8664),
    "efia64": pe(0xaa64),
    "efi32": pe(0x14c, magic=0x10b),
    "efi-arm": pe(0x1c2),
    "efi-driver": pe(0x8664, subsystem=11),
    "initrd.gz": gzip.compress(b"070701" * 1000, mtime=0),
    "text": b"no kernel at all, but a text that is long enough to be one\n" * 100,
    "empty": b"",
}
os.chdir(sys.argv[1])
os.mkdir("k")
for name, data in files.items():
    with open("k/" + name, "wb") as f:
        f.write(data)
