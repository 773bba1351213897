"""The store with 200 images: list, verify, remove. Peer of verify: openssl dgst -sha256 over the same files on all cores."""
import os
import shutil
import subprocess
import time

from lab import run
from measure import Result, Row

IMAGES = 200
IMAGE_BYTES = 4 << 20


def store(lab):
    """200 images of 4 MiB each, made once."""
    count = 10 if lab.options.short else IMAGES
    root, source = os.path.join(lab.cache, f"store{count}"), lab.path("one")
    if os.path.exists(os.path.join(root, "complete")):
        return root
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(source, exist_ok=True)
    shutil.copy("/boot/memtest86+x64.bin", os.path.join(source, "vmlinuz"))
    for number in range(count):
        with open(os.path.join(source, "initrd"), "wb") as f:
            f.write(os.urandom(IMAGE_BYTES))
        lab.do(root, "image", "import", source, "--name", f"image{number}")
    with open(os.path.join(root, "complete"), "w", encoding="ascii"):
        return root


def timed(command):
    began = time.monotonic()
    run(*command)
    return time.monotonic() - began


def verify(lab, server):
    root = store(lab)
    blobs = os.path.join(root, "images/blobs/sha256")
    size = sum(os.path.getsize(os.path.join(blobs, name)) for name in os.listdir(blobs)) / 1e6
    if server == "openssl":
        took = timed(["sh", "-c", f"ls {blobs} | (cd {blobs} && xargs -P {os.cpu_count()} -n 64 openssl dgst -sha256) >/dev/null"])
    else:
        took = timed([lab.bootherd, "--root", root, "image", "verify"])
    return Result(rate=size / took)


def listing(lab, server):
    root = store(lab)
    return Result(rate=min(timed([lab.bootherd, "--root", root, "image", "list"]) for _ in range(3)) * 1000)


def remove(lab, server):
    copy = lab.path("copy")
    subprocess.run(["cp", "-al", store(lab), copy], check=True)  # links: nothing is written into a blob
    shutil.copy2(os.path.join(copy, "images/index.json"), lab.path("index"))
    os.unlink(os.path.join(copy, "images/index.json"))
    shutil.copy2(lab.path("index"), os.path.join(copy, "images/index.json"))
    took = timed([lab.bootherd, "--root", copy, "image", "remove", "image3"])
    shutil.rmtree(copy)
    return Result(rate=took * 1000)


ROWS = [
    Row("image-verify", "image verify, 200 images of 4 MiB", "MB/s", "the rate of SHA-256 or of the disk", verify,
        ["bootherd", "openssl"], met=lambda s: s.ratio() >= 0.9),
    Row("image-list", "image list, 200 images", "ms", "instant: below 100 ms", listing, ["bootherd"], lower_is_better=True,
        met=lambda s: s.median("bootherd") < 100),
    Row("image-remove", "image remove of one of 200", "ms", "below 500 ms", remove, ["bootherd"], lower_is_better=True,
        met=lambda s: s.median("bootherd") < 500),
]
