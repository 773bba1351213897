#!/usr/bin/env python3
"""Damages the media that tests/unit/image/fixture.sh makes.

badmedia.py FIXTURE OUT: writes OUT/NAME for every kind of damage; the offsets come from the formats' own
specifications (MBR, FAT, ECMA-119, ustar), not from the program that is to notice.
"""
import bz2
import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
import zlib

DD_NAME = "usr/lib/vmware/installer/VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2"
SECTOR = 512
BANK = 8224  # the first sector of partition 5 in the fixture
EBR1 = 8192

fixture, out = sys.argv[1:]


def load(name):
    with open(os.path.join(fixture, name), "rb") as f:
        return f.read()


def save(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def tar_of(*members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def tgz(*members):
    return gzip.compress(tar_of(*members), mtime=0)


def iso(name, files, *options):
    tree = os.path.join(out, name + ".d")
    for path, data in files.items():
        os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
        with open(os.path.join(tree, path), "wb") as f:
            f.write(data)
    subprocess.run(["xorriso", "-report_about", "WARNING", "-as", "mkisofs", "-quiet", "-V", "BAD", *options,
                    "-o", os.path.join(out, name), tree], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["rm", "-r", tree], check=True)
    with open(os.path.join(out, name), "rb") as f:
        return f.read()


def esx(name, image):
    """An ISO with the layout of ESXi 4.0's."""
    return iso(name, {"README.txt": b"VMware ESXi [version] 4.0\r\n", "vmkernel.gz": gzip.compress(b"x"),
                      "image.tgz": image}, "-R", "-J")


def flipped(data, at, bit=0x10):
    changed = bytearray(data)
    changed[at] ^= bit
    return bytes(changed)


def patched(data, at, new):
    return data[:at] + new + data[at + len(new):]


def entry(type_, start, count):
    """A partition entry without a CHS address."""
    return struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", type_, b"\xfe\xff\xff", start, count)


def second_ebr(disk):
    """Where the first extended boot record links to: the field counts from the extended partition on."""
    return EBR1 + struct.unpack_from("<I", disk, EBR1 * SECTOR + 446 + 16 + 8)[0]


class Fat:
    """Partition 5 of a fixture's disk: one sector a cluster, two sectors reserved."""

    def __init__(self, disk):
        boot = disk[BANK * SECTOR:]
        self.disk = disk
        self.reserved, self.copies, roots = struct.unpack_from("<HBH", boot, 14)
        self.size = struct.unpack_from("<H", boot, 22)[0]
        self.table = (BANK + self.reserved) * SECTOR
        self.root = self.table + self.copies * self.size * SECTOR
        self.data = self.root + roots * 32

    def file(self, name):
        """(offset of the folder entry, first cluster, size); name as in the entry, padded: 'VMK     GZ '."""
        at = self.disk.index(name, self.root, self.data)
        return at, *struct.unpack_from("<HI", self.disk, at + 26)

    def cluster_at(self, cluster):
        return self.data + (cluster - 2) * SECTOR

    def link(self, cluster, value, copies=2):
        for copy in range(copies):
            at = self.table + copy * self.size * SECTOR + 2 * cluster
            self.disk = patched(self.disk, at, struct.pack("<H", value))
        return self.disk


def truncated():
    image = tgz((DD_NAME, bz2.compress(load("b.dd"))))
    whole = esx("whole.iso", image)
    save("whole.tgz", image)
    packed = bz2.compress(load("b.dd"))
    save("whole.dd.bz2", packed)
    for kind, data, places in (("iso", whole, (1000, 0x8800, len(whole) // 2, len(whole) - 1)),
                               ("tgz", image, (5, len(image) // 2, len(image) - 8, len(image) - 1)),
                               ("dd.bz2", packed, (3, 4, len(packed) // 2, len(packed) - 1)),
                               ("dd", load("b.dd"), (100, 32 * SECTOR, (BANK + 40) * SECTOR, second_ebr(load("b.dd")) * SECTOR + 100))):
        for number, size in enumerate(places):
            save(f"cut{number}.{kind}", data[:size])
    esx("bz2cut.iso", tgz((DD_NAME, packed[:-1])))
    esx("tgzcut.iso", image[:-1])
    esx("tarcut.iso", gzip.compress(tar_of((DD_NAME, packed))[:8000]))
    esx("ddcut.iso", tgz((DD_NAME, bz2.compress(load("b.dd")[:(BANK + 40) * SECTOR]))))


def bits():
    packed, disk = bz2.compress(load("b.dd")), load("b.dd")
    esx("bz2flip.iso", tgz((DD_NAME, flipped(packed, len(packed) // 2))))
    image = tgz((DD_NAME, packed))
    esx("gzipflip.iso", flipped(image, len(image) // 2))
    esx("crcflip.iso", flipped(image, len(image) - 6))
    fat = Fat(disk)
    _, first, size = fat.file(b"VMK     GZ ")
    save("module.dd", flipped(disk, fat.cluster_at(first) + size // 2))
    save("fatflip.dd", flipped(disk, fat.table + 2 * (first + 1), 0x04))
    both = flipped(disk, fat.table + 2 * (first + 1), 0x04)
    save("fatboth.dd", flipped(both, fat.table + fat.size * SECTOR + 2 * (first + 1), 0x04))
    save("ebrflip.dd", flipped(disk, EBR1 * SECTOR + 510))
    save("ebrtype.dd", flipped(disk, EBR1 * SECTOR + 446 + 4, 0x80))


def tables():
    disk = load("b.dd")
    ebr2 = second_ebr(disk)
    save("ebrloop.dd", patched(disk, ebr2 * SECTOR + 446 + 16, entry(5, 0, 100)))
    save("ebrself.dd", patched(disk, EBR1 * SECTOR + 446 + 16, entry(5, 0, 100)))
    save("outside.dd", patched(disk, 446 + 16, entry(6, 30000, 100)))
    save("beyond.dd", patched(disk, ebr2 * SECTOR + 446, entry(6, 32, 4000000)))
    save("overlap.dd", patched(disk, 446 + 16, entry(6, 4000, 5000)))
    save("twice.dd", patched(disk, 446 + 16, entry(6, BANK, 100)))


def fats():
    disk = load("b.dd")
    fat = Fat(disk)
    at, first, size = fat.file(b"VMK     GZ ")
    save("fatloop.dd", Fat(disk).link(first + 2, first))
    save("fatshort.dd", Fat(disk).link(first + 2, 0xFFFF))
    save("fatfar.dd", Fat(disk).link(first + 2, 0xFFE0))
    save("toolong.dd", patched(disk, at + 28, struct.pack("<I", 0x7FFFFFFF)))
    _, cross, _ = fat.file(b"SYS     VGZ")
    save("cross.dd", Fat(disk).link(first + 2, cross))
    # A long name of one entry, sequence 0x41, with an escape sequence in it, before a file of its own.
    units = struct.pack("<13H", *b"a\x1b[31mb.tgz", 0, 0xFFFF)
    short = b"AB~1    TGZ"
    total = 0
    for c in short:
        total = ((total & 1) << 7) + (total >> 1) + c & 0xFF
    long_ = b"\x41" + units[:10] + b"\x0f\0" + bytes([total]) + units[10:22] + b"\0\0" + units[22:]
    end = next(i for i in range(fat.root, fat.data, 32) if disk[i] == 0)
    save("escape.dd", patched(disk, end, long_ + short + b"\x20" + b"\0" * 20))


def names():
    packed = bz2.compress(load("b.dd"))
    escape = "\x1b[31mred\x1b[0m"
    save("dots.tgz", tgz(("../etc/passwd", b"x"), (DD_NAME, packed)))
    save("inside.tgz", tgz(("usr/../../x", b"x"), (DD_NAME, packed)))
    save("absolute.tgz", tgz(("/etc/passwd", b"x"), (DD_NAME, packed)))
    save("escape.tgz", tgz((escape, b"x"), (DD_NAME, packed)))
    save("c1.tgz", tgz(("\x9b31mred", b"x"), (DD_NAME, packed)))
    save("notutf8.tgz", tgz((b"\xff\xfe\x9b31m".decode("utf-8", "surrogateescape"), b"x")))
    save("strange.tgz", tgz(("grün-東京", b"x")))
    files = {"image.tgz": tgz((DD_NAME, packed)), "abcdefgh": b"x"}
    # Rock Ridge's NM field (length, version 1, flags 0), as long as before.
    whole = iso("dots.iso", files, "-R")
    nm = b"NM\x0d\x01\0abcdefgh"
    assert nm in whole
    save("dots.iso", whole.replace(nm, b"NM\x0d\x01\0../../xy"))
    save("absolute.iso", whole.replace(nm, b"NM\x0d\x01\0/etc/pwd"))
    save("escape.iso", whole.replace(nm, b"NM\x0d\x01\0a\x1b[31mxy"))
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w") as t:
        info = tarfile.TarInfo(escape)
        info.type, info.linkname = tarfile.LNKTYPE, "gone" + escape
        t.addfile(info)
    save("link.tar", link.getvalue())


def crc_of_zeros(count):
    """CRC-32 of `count` zeros: the remainder of a feed of zeros is a linear map, squared again and again."""
    block = bytes(1 << 20)
    crc = 0
    for _ in range(count >> 20):
        crc = zlib.crc32(block, crc)
    return crc


def bombs():
    size = 10 << 30
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(64 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + piece * (size // (64 << 20)) + b"\x03\0"
    bomb = body + struct.pack("<II", crc_of_zeros(size), size & 0xFFFFFFFF)
    zeros = bz2.compress(bytes(256 << 20))
    save("bomb.bz2", zeros * (size // (256 << 20)))
    os.mkdir(os.path.join(out, "bombs"))
    for name in os.listdir(os.path.join(fixture, "bank")):
        save("bombs/" + name, load("bank/" + name))
    save("bombs/sys.vgz", bomb)
    # A bomb within a bomb's packing: small enough for a mail.
    save("bomb.gz.bz2", bz2.compress(bomb))


def contents():
    packed = bz2.compress(load("letters.dd"))
    files = {"README.txt": b"VMware ESXi [version] 4.1\r\n", "imagedd.bz2": packed}
    iso("md5.iso", {**files, "imagedd.md5": b"0" * 32 + b"  imagedd.bz2\n"}, "-R")
    iso("md5text.iso", {**files, "imagedd.md5": b"\x1b[31m no sum here\n"}, "-R")
    save("empty", b"")
    save("text.txt", b"This is a letter, not a hypervisor.\n" * 100)
    save("unknown.tgz", tgz(("etc/motd", b"hello\n"), ("srv/data.bin", bytes(5000))))
    for name, change in (("missing", {"cim.vgz": None}), ("nocfg", {"boot.cfg": None, "vmkboot.gz": None}),
                         ("emptymod", {"cim.vgz": b""}), ("trailing", {"vmk.gz": load("bank/vmk.gz") + b"more"}),
                         ("cfgescape", {"boot.cfg": load("bank/boot.cfg").replace(b"a=1", b"a=\x1b[31m1")}),
                         ("cfgname", {"boot.cfg": load("bank/boot.cfg").replace(b"cim.vgz", b"../../cim.vgz")}),
                         ("cfgmissing", {"boot.cfg": load("bank/boot.cfg").replace(b"cim.vgz", b"c\x1b[31mm.vgz")}),
                         ("cfgempty", {"boot.cfg": b""})):
        os.mkdir(os.path.join(out, name))
        for file in os.listdir(os.path.join(fixture, "bank")):
            data = change.get(file, load("bank/" + file))
            if data is not None:
                save(f"{name}/{file}", data)


for damage in (truncated, bits, tables, fats, names, bombs, contents):
    damage()
