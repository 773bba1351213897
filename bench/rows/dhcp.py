"""DHCP: a cold storm of 10,000 machines, all from a pool. The clients are `bootherd swarm`, the same for all."""
import os
import shutil

import lab as labs
from measure import Result, Row
from rows.tftp import swarm

POOL = ("10.98.64.1", "10.98.127.254")
KEA = """{{ "Dhcp4": {{
  "interfaces-config": {{ "interfaces": [ "s0" ] }},
  "lease-database": {{ "type": "memfile", "persist": true, "name": "{dir}/kea.leases", "lfc-interval": 3600 }},
  "valid-lifetime": 3600, "multi-threading": {{ "enable-multi-threading": {threads} }},
  "subnet4": [ {{ "id": 1, "subnet": "10.98.0.0/16", "pools": [ {{ "pool": "{first} - {last}" }} ],
                  "next-server": "{server}", "boot-file-name": "pxelinux.0" }} ],
  "loggers": [ {{ "name": "kea-dhcp4", "severity": "ERROR", "output_options": [ {{ "output": "stdout" }} ] }} ]
}} }}
"""
ISC = """authoritative; default-lease-time 3600; max-lease-time 3600; ping-check false; log-facility local7;
subnet 10.98.0.0 netmask 255.255.0.0 {{ range {first} {last}; next-server {server}; filename "pxelinux.0"; }}
"""


def fresh(lab, name):
    folder = lab.path(name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def write(path, text, **values):
    with open(path, "w", encoding="ascii") as f:
        f.write(text.format(first=POOL[0], last=POOL[1], server=labs.SERVER, **values))
    return path


def start_bootherd(lab):
    root = fresh(lab, "dhcp-root")
    lab.do(root, "network", "set", "bench", "--subnet", "10.98.0.0/16", "--pool", "-".join(POOL), "--lease", "1h")
    return lab.serve(root)


def start_kea(lab):
    folder = fresh(lab, "kea")
    conf = write(os.path.join(folder, "kea.conf"), KEA, dir=folder, threads="false")
    process = lab.spawn_server("env", f"KEA_PIDFILE_DIR={folder}", f"KEA_LOCKFILE_DIR={folder}",
                               f"KEA_LFC_EXECUTABLE={lab.peer('kea-lfc')}", lab.peer("kea-dhcp4"), "-c", conf)
    process.wait_for(lambda: lab.listens("udp", 67), "kea-dhcp4")
    return process


def start_isc(lab):
    folder = fresh(lab, "isc")
    leases = os.path.join(folder, "leases")
    with open(leases, "w", encoding="ascii"):
        conf = write(os.path.join(folder, "dhcpd.conf"), ISC)
    process = lab.spawn_server(lab.peer("dhcpd"), "-4", "-f", "-q", "-cf", conf, "-lf", leases, "-pf", os.path.join(folder, "pid"),
                               "-user", "root", "-group", "root", "s0")
    process.wait_for(lambda: lab.listens("udp", 67), "dhcpd")
    return process


def start_dnsmasq(lab):
    folder = fresh(lab, "dnsmasq")
    process = lab.spawn_server(lab.peer("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--interface=s0",
                               "--bind-interfaces", f"--dhcp-leasefile={folder}/leases", "--no-ping", "--quiet-dhcp",
                               "--dhcp-lease-max=20000", "--dhcp-authoritative", f"--dhcp-range={POOL[0]},{POOL[1]},1h",
                               "--dhcp-boot=pxelinux.0")
    process.wait_for(lambda: lab.listens("udp", 67), "dnsmasq")
    return process


def start_limit(lab):
    process = lab.spawn_server(lab.limit("dhcp"), "s0", labs.SERVER, POOL[0], os.path.join(fresh(lab, "limit"), "leases"))
    process.wait_for(lambda: lab.listens("udp", 67), "the limit's server")
    return process


START = {"limit": start_limit, "bootherd": start_bootherd, "kea": start_kea, "isc-dhcpd": start_isc, "dnsmasq": start_dnsmasq}
SLOW = {"dnsmasq": 10, "isc-dhcpd": 4}  # these are given so much less to do, so that the run ends


def storm(lab, server, machines, at_once):
    if lab.options.short:
        machines, at_once = machines // 20, at_once // 20
    machines //= SLOW.get(server, 1)
    process = START[server](lab)
    watch, cpu = labs.Watch(process.pid), process.cpu_seconds()
    os.sync()  # what was written to prepare all this is not theirs to wait for
    report = swarm(lab, "--only", "dhcp", "--machines", str(machines), "--at-once", str(min(at_once, machines)))
    used = process.cpu_seconds() - cpu
    done = report["booted"]
    # At most: an OFFER and an ACK that are both slow.
    p99 = sum(report["steps"][step]["p99_us"] for step in ("offer", "ack")) / 1000
    result = Result(rate=done / report["seconds"], cpu=used * 1e6 / done if done else None, memory=watch.end(),
                    failures=report["failed"], timeouts=report["dhcp_retries"], extra={"p99Ms": p99})
    process.stop(lab)
    return result


PEERS = ["bootherd", "kea", "isc-dhcpd", "dnsmasq"]

ROWS = [
    Row("dhcp-storm", "DHCP, cold storm of 10,000 machines, 200 at a time, lease on disk before ACK", "exchanges/s",
        "5 times Kea, at most 50 us of CPU each, p99 below 20 ms", lambda lab, server: storm(lab, server, 10000, 200), PEERS,
        limit=lambda lab: storm(lab, "limit", 10000, 200),
        cpu_unit="us of CPU", note="Kea does not wait for the disk; isc-dhcpd and dnsmasq get a quarter and a tenth of the machines",
        met=lambda s: (s.median("bootherd") / (s.median("kea") or 1e9) >= 5 and s.median("bootherd", "cpu") <= 50 and
                       s.extra("bootherd", "p99Ms") < 20)),
    Row("dhcp-50", "DHCP, 10,000 machines, 50 at a time", "exchanges/s", "-", lambda lab, server: storm(lab, server, 10000, 50),
        PEERS[:2], cpu_unit="us of CPU", note="few at a time wait for the disk one after the other; Kea does not wait for it"),
    Row("dhcp-1000", "DHCP, 10,000 machines, 1,000 at once", "exchanges/s", "none unbound, no retransmission",
        lambda lab, server: storm(lab, server, 10000, 1000), PEERS,
        limit=lambda lab: storm(lab, "limit", 10000, 1000), cpu_unit="us of CPU", rounds=1,
        met=lambda s: s.worst("bootherd", "failures") == 0 and s.worst("bootherd", "timeouts") == 0),
]
