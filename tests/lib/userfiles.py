# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's directory as it stands on the server's own disk: what the tests put there and what they find afterwards."""
import hashlib
import json
import os
import pathlib
import re
import shutil

from processes import run


class UserFiles:
    def __init__(self, folder, person):
        self.folder = pathlib.Path(folder)
        self.person = person

    def make(self, templates):
        """The directory and its VMs, each a copy of the folder of its name in `templates`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for vm in self.person.vms:
            run("cp", "-a", "--sparse=always", templates / vm, self.folder / vm)
        self.own()
        return self

    def own(self):
        run("chown", "-R", f"{self.person.uid}:{self.person.uid}", self.folder)
        run("chmod", "-R", "u=rwX,go=", self.folder)

    def vm(self, name="work"):
        return self.folder / name

    def names(self, vm="work"):
        return sorted(os.listdir(self.vm(vm)))

    def locks(self, vm="work"):
        return [n for n in self.names(vm) if n.startswith("lock.")]

    def highest_number(self, vm="work"):
        """Of its locks and last-used files; 0 before the first session."""
        return max((int(n.split(".")[1]) for n in self.names(vm) if re.fullmatch(r"(lock|last-used)\.[0-9]+", n)), default=0)

    def last_used(self, vm="work"):
        """Epoch and record of the highest last-used.<n>; None before the first session."""
        numbers = [int(n.split(".")[1]) for n in self.names(vm) if re.fullmatch(r"last-used\.[0-9]+", n)]
        if not numbers:
            return None
        text = (self.vm(vm) / f"last-used.{max(numbers)}").read_text()
        return max(numbers), json.loads(text)

    def digest(self, vm):
        """One hash over every file of a VM: names, sizes, bytes."""
        h = hashlib.blake2b()
        for name in self.names(vm):
            path = self.vm(vm) / name
            if path.is_file():
                h.update(f"{name} {path.stat().st_size}\n".encode())
                with open(path, "rb") as f:
                    while block := f.read(1 << 20):
                        h.update(block)
        return h.hexdigest()

    def contains(self, vm, disk, data):
        """Whether the disk's bytes hold `data` (guest file systems here are not compressed)."""
        with open(self.vm(vm) / disk, "rb") as f:
            tail = b""
            while block := f.read(1 << 22):
                if data in tail + block:
                    return True
                tail = block[-len(data):]
        return False

    def written_bytes(self, vm, disk):
        """Bytes of the disk that are allocated on the server."""
        return (self.vm(vm) / disk).stat().st_blocks * 512

    def remove(self):
        shutil.rmtree(self.folder)
