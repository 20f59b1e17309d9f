#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads JUnit files: prints "PASSED FAILED SKIPPED" on standard output, and the log of each failure on standard error."""
import sys
import xml.etree.ElementTree as ET


def verdict(case):
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def log(case):
    parts = []
    for tag in ("failure", "error", "system-out", "system-err"):
        for element in case.findall(tag):
            parts += [element.get("message") or "", element.text or ""]
    return "\n".join(p for p in parts if p.strip())


def main(files):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for name in files:
        for case in ET.parse(name).iter("testcase"):
            kind = verdict(case)
            count[kind] += 1
            if kind == "passed":
                continue
            print(f"{kind.upper()}: {case.get('classname') or ''} {case.get('name')}", file=sys.stderr)
            if kind == "failed":
                print(log(case)[-8000:], file=sys.stderr)
    print(count["passed"], count["failed"], count["skipped"])


if __name__ == "__main__":
    main(sys.argv[1:])
