"""One whole boot in QEMU, ROM to kernel: bootherd beside the manual procedure, pxelinux with tftpd-hpa."""
import os
import subprocess

from lab import TOP
from measure import Result, Row


def boot(lab, server):
    done = subprocess.run([os.path.join(TOP, "bench/boot.sh"), server, lab.peers], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=lab.environment(), check=False)
    words = done.stdout.split()
    if done.returncode or words[:1] != ["loading"]:
        raise SystemExit(f"bench: boot.sh {server}: {done.stdout}{done.stderr}")
    return Result(rate=float(words[1]), extra={"bootSeconds": float(words[3]), "megabytes": float(words[5])})


ROWS = [
    Row("boot", "a 70 MB boot in the shape of ESXi 4.0 in QEMU: its loading", "s", "0.4 of pxelinux with tftpd-hpa", boot,
        ["bootherd", "tftpd-hpa"], lower_is_better=True, met=lambda s: s.ratio() <= 0.4,
        note="QEMU translates the machine's instructions, so the loader's own work counts for more than on a real machine"),
]
