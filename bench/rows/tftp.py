"""TFTP: many clients at once fetch one file. The clients are `bootherd swarm`, the same for all; every byte is compared."""
import json
import os

import lab as labs
from measure import Result, Row


def name_of(lab):
    return f"image/{lab.image_id(lab.image_root())}/{FILE}"


FILE = "initrd"


def file_of(lab, size):
    """The first bytes of the served file, as a file of this size: image `tftpN` of bootherd and the same below the peers' root."""
    source = os.path.join(lab.cache, f"tftp{size}")
    root, name = lab.image_root(), f"tftp{size}"
    if not os.path.exists(os.path.join(source, FILE)):
        os.makedirs(source, exist_ok=True)
        for each, length in (("vmlinuz", None), (FILE, size)):
            with open(os.path.join(lab.cache, "image", each), "rb") as f, open(os.path.join(source, each), "wb") as g:
                g.write(f.read(length))
    if f'"{name}"' not in lab.do(root, "image", "list", "--json"):
        lab.do(root, "image", "import", source, "--name", name)
    path, www = f"image/{lab.image_id(root, name)}/{FILE}", lab.path("tftp")
    if not os.path.exists(os.path.join(www, path)):
        os.makedirs(os.path.dirname(os.path.join(www, path)), exist_ok=True)
        os.link(os.path.join(source, FILE), os.path.join(www, path)) if same_disk(source, lab.dir) else copy(source, www, path)
    return path, os.path.join(source, FILE), www


def same_disk(a, b):
    return os.stat(a).st_dev == os.stat(b).st_dev


def copy(source, www, path):
    with open(os.path.join(source, FILE), "rb") as f, open(os.path.join(www, path), "wb") as g:
        g.write(f.read())


def start_bootherd(lab, www):
    root = lab.image_root()
    lab.do(root, "network", "set", "bench", "--subnet", "10.98.0.0/16", "--pool", "10.98.64.1-10.98.127.254")
    return lab.serve(root)


def start_atftpd(lab, www):
    return lab.spawn_server(lab.peer("atftpd"), "--daemon", "--no-fork", "--user", "root", "--group", "root", "--maxthread", "4000",
                            "--bind-address", labs.SERVER, "--logfile", lab.path("atftpd.messages"), www)


def start_tftpd(lab, www):
    return lab.spawn_server(lab.peer("in.tftpd"), "--foreground", "--user", "root", "--address", f"{labs.SERVER}:69", "--secure", www)


def start_dnsmasq(lab, www):
    return lab.spawn_server(lab.peer("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--interface=s0",
                            "--bind-interfaces", "--enable-tftp", f"--tftp-root={www}", "--tftp-max=4000")


def start_limit(lab, content):
    return lab.spawn_server(lab.limit("tftp"), labs.SERVER, content)


START = {"limit": start_limit, "bootherd": start_bootherd, "atftpd": start_atftpd, "tftpd-hpa": start_tftpd, "dnsmasq": start_dnsmasq}


def swarm(lab, *words):
    """Runs the herd; its report."""
    done = lab.client(lab.bootherd, "swarm", "--interface", "c0", "--server", labs.SERVER, "--json", *words)
    if not done.stdout.startswith("{"):
        raise SystemExit(f"bench: swarm {' '.join(words)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def fetch(lab, server, clients, window, megabytes, loss=0):
    if lab.options.short:
        clients, megabytes = clients // 10, 1
    path, content, www = file_of(lab, megabytes << 20)
    process = START[server](lab, content if server == "limit" else www)
    process.wait_for(lambda: lab.listens("udp", 69), server)
    words = ["--fetch", path, "--expect", content, "--blksize", "1428", "--windowsize", str(window)]
    swarm(lab, *words, "--machines", "4")  # warm
    watch, cpu = labs.Watch(process.pid), process.cpu_seconds()
    report = swarm(lab, *words, "--machines", str(clients), *(["--loss", str(loss * 10000), "--timeout", "1000"] if loss else []))
    used = process.cpu_seconds() - cpu
    size = report["bytes"]["tftp"]
    result = Result(rate=size / 1e6 / report["seconds"], cpu=used / (size / 1e9) if size else None, memory=watch.end(),
                    failures=report["failed"], timeouts=report["tftp_timeouts"])
    process.stop(lab)
    return result


PEERS = ["bootherd", "atftpd", "dnsmasq", "tftpd-hpa"]


def row(key, work, wanted, factor, cpu, *arguments, quiet=False, rounds=None):
    def met(s):
        return (s.worst("bootherd", "failures") == 0 and (s.ratio() or 0) >= factor and
                (not cpu or s.median("bootherd", "cpu") <= cpu) and (not quiet or s.worst("bootherd", "timeouts") == 0))
    # The limit's server resends nothing.
    limit = (lambda lab: fetch(lab, "limit", *arguments)) if len(arguments) == 3 else None
    return Row(key, work, "MB/s", wanted, lambda lab, server: fetch(lab, server, *arguments), PEERS, limit=limit, cpu_unit="CPU s/GB", met=met,
               rounds=rounds)


ROWS = [
    row("tftp-200-w16", "TFTP, 200 clients, blksize 1428, windowsize 16", "8 times the best peer, at most 1 CPU s/GB", 8, 1, 200, 16, 8),
    row("tftp-200-w1", "TFTP, 200 clients, windowsize 1", "1.3 times the best peer", 1.3, None, 200, 1, 4),
    row("tftp-1000-w16", "TFTP, 1,000 clients, windowsize 16", "none fail, no timeout, 6 times the best peer", 6, None, 1000, 16, 2,
        quiet=True),
    row("tftp-1000-w1", "TFTP, 1,000 clients, windowsize 1", "none fail, no timeout", 1, None, 1000, 1, 1, quiet=True, rounds=1),
    row("tftp-200-loss", "TFTP, 200 clients, windowsize 16, 1 packet in 100 lost each way", "none fail, 4 times the best peer", 4, None,
        200, 16, 2, 1),
]
