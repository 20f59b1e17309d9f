#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""elf_closure.py ROOT PROGRAM...: the files below ROOT that the programs need to run: interpreter and shared libraries, by the
paths under which the loader finds them, one a line. A library that ROOT does not have is an error."""
import os
import re
import subprocess
import sys

FOLDERS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/lib64", "/lib/x86_64-linux-gnu", "/lib64"]


def read(path):
    """The names in DT_NEEDED, DT_RUNPATH's folders and the interpreter."""
    text = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
    run_path = [p for r in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", text) for p in r.split(":")]
    interpreter = re.findall(r"program interpreter: (.*)\]", text)
    return needed, run_path, interpreter


def find(root, name, folders):
    for folder in folders:
        if os.path.exists(f"{root}{folder}/{name}"):
            return f"{folder}/{name}"
    return None


def main(root, programs):
    todo, done, missing = list(programs), set(), []
    while todo:
        path = todo.pop()
        if path in done:
            continue
        done.add(path)
        needed, run_path, interpreter = read(root + path)
        todo += interpreter
        for name in needed:
            found = find(root, name, run_path + FOLDERS)
            if found:
                todo.append(found)
            else:
                missing.append(f"{path} needs {name}")
    for line in sorted(missing):
        print(line, file=sys.stderr)
    print("\n".join(sorted(done - set(programs))))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
