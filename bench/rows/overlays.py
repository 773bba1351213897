"""Overlays of many nodes: what the state process makes, beside one Python process that packs the same files, and tar."""
import gzip
import io
import os
import re
import subprocess
import tarfile
import time

from lab import TOP, run
from measure import Result, Row

NAMES = ["etc/shadow", "etc/vmware/welcome", "etc/ntp.conf", "etc/vmware/init/init.d/47.enable-ssh", ".ssh/authorized_keys"]
TEXT = b"x0123456789abcdef\n" * 25


def bootherd(lab):
    run("ninja", "-C", os.path.join(TOP, "build"), "tests/bench/bench_overlays")
    said = run(os.path.join(TOP, "build/tests/bench/bench_overlays"), "200" if lab.options.short else "10000")
    return float(re.search(r"esxi_dd +(\d+) overlays", said)[1])


def python(lab):
    count, began = 50 if lab.options.short else 1000, time.process_time()
    for _ in range(count):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name in NAMES:
                entry = tarfile.TarInfo(name)
                entry.size = len(TEXT)
                archive.addfile(entry, io.BytesIO(TEXT))
        gzip.compress(out.getvalue(), mtime=0)
    return count / (time.process_time() - began)


def tar(lab):
    folder, count = lab.path("overlay"), 10 if lab.options.short else 200
    for name in NAMES:
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(TEXT)
    began = os.times()
    for _ in range(count):
        subprocess.run(["tar", "-C", folder, "-czf", lab.path("overlay.tgz"), "etc", ".ssh"], check=True)
    ended = os.times()
    return count / (ended.children_user + ended.children_system - began.children_user - began.children_system)


MAKERS = {"bootherd": bootherd, "python": python, "tar": tar}

ROWS = [
    Row("overlays", "overlays of 10,000 nodes", "overlays a second and core", "5,000 a second and core",
        lambda lab, server: Result(rate=MAKERS[server](lab)), list(MAKERS), met=lambda s: s.median("bootherd") >= 5000),
]
