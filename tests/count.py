"""Adds up the logs of meson test: each TAP line counts, and each program that prints none counts once.

usage: count.py BROKEN_BUILDS LOG.json...
Prints every failure by name, then "N passed, N failed" alone on the last line; exit status 1 if anything failed.
A program that skips all of itself counts as failed: what cannot run here must be seen. One check that this machine's
kernel cannot make ("# SKIP why") is printed with its reason and counts as neither.
"""
import json
import re
import sys


def count(test):
    lines = re.findall(r"^(ok|not ok)\b(.*)$", test.get("stdout") or "", re.M)
    good = sum(1 for word, rest in lines if word == "ok" and "# SKIP" not in rest)
    bad = [rest.strip() for word, rest in lines if word == "not ok"]
    skipped = [rest.strip() for word, rest in lines if word == "ok" and "# SKIP" in rest]
    if not lines:
        good, bad = (1, []) if test["result"] == "OK" else (0, ["exit status %s" % test.get("returncode")])
    elif test["result"] != "OK" and not bad:
        bad = ["%s after the last line" % test["result"]]
    return good, bad, skipped


def main():
    passed, failed = 0, int(sys.argv[1])
    if failed:
        print("%d build(s) failed" % failed)
    for path in sys.argv[2:]:
        try:
            with open(path) as log:
                tests = [json.loads(line) for line in log]
        except OSError as problem:
            print("no results: %s" % problem)
            failed += 1
            continue
        for test in tests:
            good, bad, skipped = count(test)
            passed += good
            failed += len(bad)
            for name in skipped:
                print("skipped: %s: %s" % (test["name"], name))
            for name in bad:
                print("failed: %s: %s" % (test["name"], name))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
