"""A fleet of 100,000 nodes, and one of 1,000 to see that the cost of one machine does not grow with the fleet."""
import os
import re
import time

from lab import TOP, memory_bytes, run
from measure import Result, Row

MANY = 100000


def fleet_file(lab, nodes):
    path = os.path.join(lab.cache, f"fleet{nodes}.yaml")
    if not os.path.exists(path):
        run(os.path.join(TOP, "bench/fleet.sh"), str(nodes), path)
    return path


def nodes_of(lab):
    return 2000 if lab.options.short else MANY


def root_of(lab, nodes):
    """A --root with the fleet in it; made for each run."""
    root = lab.path(f"fleet{nodes}-{time.monotonic_ns()}")
    os.makedirs(root)
    return root


def apply(lab, server):
    root, path = root_of(lab, nodes_of(lab)), fleet_file(lab, nodes_of(lab))
    began = time.monotonic()
    lab.do(root, "apply", path)
    return Result(rate=time.monotonic() - began)


def one_node(lab, server):
    """A change of one node in the large fleet, from the command to its end."""
    root = root_of(lab, nodes_of(lab))
    lab.do(root, "apply", fleet_file(lab, nodes_of(lab)))
    began = time.monotonic()
    lab.do(root, "node", "set", "one", "--mac", "02:00:00:00:00:01")
    return Result(rate=time.monotonic() - began)


def start(lab, server):
    root = root_of(lab, nodes_of(lab))
    lab.do(root, "apply", fleet_file(lab, nodes_of(lab)))
    began = time.monotonic()
    process = lab.serve(root)
    result = Result(rate=time.monotonic() - began, memory=memory_bytes(process.pid))
    process.stop(lab)
    return result


def plan(lab, server):
    """A boot plan's 99th percentile in the small fleet and in the large one."""
    run("ninja", "-C", os.path.join(TOP, "build"), "tests/bench/bench_fleet")
    p99 = []
    for nodes in (1000, nodes_of(lab)):
        said = run(os.path.join(TOP, "build/tests/bench/bench_fleet"), fleet_file(lab, nodes))
        p99.append(float(re.search(r"([\d.]+) us p99", said)[1]))
    return Result(rate=p99[1], extra={"of1000Nodes": p99[0]})


ROWS = [
    Row("fleet-apply", "100,000 nodes: apply", "s", "3 s", apply, ["bootherd"], lower_is_better=True,
        met=lambda s: s.median("bootherd") <= 3),
    Row("fleet-one", "100,000 nodes: node set of one", "s", "below a second", one_node, ["bootherd"], lower_is_better=True,
        met=lambda s: s.median("bootherd") < 1),
    Row("fleet-start", "100,000 nodes: from start to serving", "s", "1 s, 200 MB", start, ["bootherd"], lower_is_better=True,
        met=lambda s: s.median("bootherd") <= 1 and s.worst("bootherd", "memory") <= 200e6),
    Row("fleet-plan", "100,000 nodes: a boot plan, p99", "us", "1 ms, flat from 1,000 to 100,000", plan, ["bootherd"],
        lower_is_better=True,
        met=lambda s: s.median("bootherd") < 1000 and s.median("bootherd") < 2 * s.extra("bootherd", "of1000Nodes")),
]
