#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""initramfs_modules.py MODULES_DIR LIST: the modules of the list and all they depend on, by modules.dep, paths below MODULES_DIR,
one a line. An entry that matches nothing is an error unless it is built into the kernel."""
import pathlib
import sys


def main(folder, wanted):
    folder = pathlib.Path(folder)
    depends = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        depends[name] = rest.split()
    builtin = (folder / "modules.builtin").read_text().split()

    def matches(name, entry):
        path = "kernel/" + entry
        return name.startswith(path + "/") or name.removesuffix(".ko") == path

    result, missing = set(), []
    for line in pathlib.Path(wanted).read_text().splitlines():
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        found = [n for n in depends if matches(n, entry)]
        if not found and not any(matches(n, entry) for n in builtin):
            missing.append(entry)
        result.update(found)
        for name in found:
            result.update(depends[name])
    for entry in missing:
        print(f"no such kernel module: {entry}", file=sys.stderr)
    print("\n".join(sorted(result)))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
