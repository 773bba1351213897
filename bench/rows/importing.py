"""Import of a 900 MiB ESXi 4.0 disk, bzip2 in tar in gzip in an ISO: bootherd, the manual procedure, the best pipeline of programs."""
import os
import shutil
import subprocess
import threading
import time

import lab as labs
from lab import TOP, run
from measure import Result, Row

START, SECTORS = 8224, 511968  # of the boot partition, as `fdisk -l` says
BY_HAND = f"""set -e
bsdtar -xf "$ISO" image.tgz
tar -xzf image.tgz
bunzip2 -k usr/lib/vmware/installer/*.dd.bz2
mkdir bank && mcopy -s -n -i "$(echo usr/lib/vmware/installer/*.dd)@@{START * 512}" '::*' bank/
"""
PIPELINE = f"""set -e
bsdtar -xOf "$ISO" image.tgz | tar -xzO --wildcards '*.dd.bz2' | lbzip2 -dc 2>/dev/null |
    head -c {(START + SECTORS) * 512} | tail -c +{START * 512 + 1} >bank.fat || [ -s bank.fat ]
mkdir bank && mcopy -s -n -i bank.fat '::*' bank/
"""


def iso(lab):
    path = os.path.join(lab.cache, "esxi4.iso")
    if not os.path.exists(path):
        run(os.path.join(TOP, "bench/esxi4_image.sh"), path + ".new")
        os.rename(path + ".new", path)
    return path


def disk_used(folder):
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(at, name)).st_blocks * 512
            except OSError:
                pass
    return total


def watched(lab, command, folder, environment):
    """Runs it; seconds, the largest memory, and the most that lay in the folder."""
    most, ended = [0], threading.Event()

    def look():
        while not ended.wait(0.1):
            most[0] = max(most[0], disk_used(folder))

    began = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watch, looker = labs.Watch(child.pid, 0.05), threading.Thread(target=look)
    looker.start()
    said = child.communicate()[0]
    took = time.monotonic() - began
    ended.set()
    looker.join()
    if child.returncode:
        raise SystemExit(f"bench: {command}: status {child.returncode}\n{said.decode(errors='replace')}")
    return took, watch.end(), most[0]


def check(lab, folder, server):
    """That the kernel and the largest module are those of the medium."""
    reference = os.path.join(lab.cache, "esxi4.reference")
    names = ("vmkboot.gz", "sys.vgz", "cim.vgz")
    if server == "bootherd":
        lab.do(os.path.join(folder, "root"), "image", "export", "esxi4", os.path.join(folder, "bank"))
    if not os.path.exists(reference):
        os.makedirs(reference)
        for name in names:
            run("sh", "-c", f"mkdir -p {reference} && cd {folder} && cp bank/{name} {reference}/{name}")
    for name in names:
        run("cmp", os.path.join(reference, name), os.path.join(folder, "bank", name))


def importing(lab, server):
    folder = lab.path(f"import-{server}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    environment = {**os.environ, "ISO": iso(lab)}
    run("sh", "-c", 'cat "$ISO" >/dev/null', env=environment)
    command = {"by hand": ["sh", "-c", BY_HAND], "pipeline": ["sh", "-c", PIPELINE],
               "bootherd": [lab.bootherd, "--root", "root", "image", "import", iso(lab), "--name", "esxi4"]}[server]
    took, memory, disk = watched(lab, command, folder, environment)
    check(lab, folder, server)
    kept = disk_used(os.path.join(folder, "root" if server == "bootherd" else "bank"))
    shutil.rmtree(folder)
    return Result(rate=took, memory=memory, extra={"temporaryMegabytes": max(0, disk - kept) / 1e6})


def limit(lab):
    """libbz2's own program on the blocks up to the last file's end, half of them on each core."""
    halves = [os.path.join(lab.cache, f"half{i}.bz2") for i in (0, 1)]
    if not all(os.path.exists(half) for half in halves):
        disk = run("sh", "-c", f"bsdtar -xOf {iso(lab)} image.tgz | tar -xzO --wildcards '*.dd.bz2' | lbzip2 -dc >{lab.path('disk')}; "
                               f"mdir -b -i {lab.path('disk')}@@{START * 512} ::/ | wc -l")
        used = int(run("sh", "-c", f"minfo -i {lab.path('disk')}@@{START * 512} :: >/dev/null; "
                                   f"mdir -i {lab.path('disk')}@@{START * 512} ::/ | sed -n 's/.*files *//p' | tr -cd 0-9"))
        blocks = -(-(START * 512 + used) // 900000)
        for i, half in enumerate(halves):
            first, count = (0, blocks // 2) if i == 0 else (blocks // 2, blocks - blocks // 2)
            run("sh", "-c", f"dd if={lab.path('disk')} bs=900000 skip={first} count={count} status=none | bzip2 -9 >{half}")
        del disk
        os.unlink(lab.path("disk"))
    began = time.monotonic()
    run("sh", "-c", f"bzip2 -dc {halves[0]} >/dev/null & bzip2 -dc {halves[1]} >/dev/null; wait")
    return Result(rate=time.monotonic() - began)


ROWS = [
    Row("import", "import of a 900 MiB ESXi 4.0 dd.bz2 in image.tgz in an ISO", "s",
        "0.11 of by hand, faster than the pipeline, at most 1.15 of the limit, 64 MiB of memory", importing,
        ["bootherd", "pipeline", "by hand"], limit=limit, lower_is_better=True,
        met=lambda s: (s.median("bootherd") <= 0.11 * s.median("by hand") and s.median("bootherd") < s.median("pipeline") and
                       s.ratio_to_limit() <= 1.15 and s.worst("bootherd", "memory") <= 64 << 20)),
]
