#!/usr/bin/env python3
"""Benchmarks beside the peers from Debian's packages: bench.py [--short] [--json] [--only KEY[,KEY]] [--rounds N] [--out FILE].

Each server in turn does the same work, A B A B; medians count. Everything is a ratio taken in one run on this machine.
--short: one round of little work, which proves only that it works. docs/performance.md tells the method.
"""
import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs
import table
from measure import Summary
from rows import ROWS


def measure(lab, row, rounds, say):
    summary = Summary(row, {server: [] for server in row.servers})
    for number in range(1, rounds + 1):
        for server in row.servers:
            say(f"{row.key}: round {number} of {rounds}: {server}")
            summary.results[server].append(row.run(lab, server))
            say(f"    {table.figure(summary, server)}" + (" (median so far)" if number > 1 else ""))
    if row.limit:
        say(f"{row.key}: what the machine can do")
        summary.limit = row.limit(lab)
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--out", help="the JSON table also into this file")
    options = parser.parse_args()
    if os.geteuid():
        raise SystemExit("bench: network namespaces need root")
    known = [row.key for row in ROWS]
    keys = options.only.split(",") if options.only else known
    for key in keys:
        if not any(k.startswith(key) for k in known):
            raise SystemExit(f"bench: no row is called {key}; there are {' '.join(known)}")

    def say(words):
        print(words, file=sys.stderr, flush=True)

    lab, summaries, began = labs.Lab(options), [], time.monotonic()
    for row in ROWS:
        if any(row.key.startswith(key) for key in keys):
            summaries.append(measure(lab, row, 1 if options.short else options.rounds or row.rounds or 3, say))
    say(f"took {time.monotonic() - began:.0f} s\n")
    document = json.dumps({"cores": os.cpu_count(), "short": options.short, "rows": table.as_json(summaries)}, indent=2)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as f:
            f.write(document + "\n")
    print(document if options.json else table.markdown(summaries) if options.markdown else table.text(summaries))
    # The short form proves that everything works; it is no measurement, so a missed target is no failure.
    return any(s.worst("bootherd", "failures") for s in summaries)


if __name__ == "__main__":
    sys.exit(main())
