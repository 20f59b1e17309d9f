# SPDX-License-Identifier: GPL-3.0-or-later
"""A provisioner on a port of its own, and a site's network (tests/lib/lan.py) with dnsmasq configured by berthctl."""
import json
import re
import subprocess

import pytest

from lan import Lan
from processes import Process, run, wait_until


class Provisioner:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.database, self.images = folder / "berth.db", folder / "images"
        (self.images / "berth").mkdir(parents=True)
        self.start()

    def start(self, listen="127.0.0.1:0"):
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        self.process = Process([self.build / "bin/berth-provisioner", "--listen", listen, "--database", self.database, "--images",
                                self.images], log)
        line = wait_until(lambda: self.process.check() or re.search(r"^listening on (\S+)$", self.process.log_text(), re.M), 30, "the line")
        self.address = line.group(1)
        self.url = f"http://{self.address}"

    def ctl(self, *arguments, check=True, input=""):
        return subprocess.run([self.build / "bin/berthctl", "--database", self.database, *arguments], text=True, input=input,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=check, timeout=60)

    def machines(self):
        return json.loads(self.ctl("machine", "list", "--json").stdout)

    def curl(self, path, *options):
        """Status, headers in lower case, body."""
        body = self.folder / "body"
        body.unlink(missing_ok=True)
        head = run("curl", "-sS", "--path-as-is", "--max-time", 60, "-D", "-", "-o", body, *options, self.url + path)
        head = head.strip().split("\n\n")[-1].splitlines() if "\r" not in head else head.strip().split("\r\n\r\n")[-1].splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        return int(head[0].split()[1]), headers, body.read_bytes() if body.exists() else b""

    def boot(self, mac="52:54:00:00:00:01"):
        """Boots a machine and returns the token of its command line."""
        status, _, body = self.curl(f"/v1/boot?mac={mac}&platform=efi")
        assert status == 200
        return re.search(rb"berth\.boot=([0-9a-f]{32}) ", body).group(1).decode()


@pytest.fixture
def provisioner_folder(tmp_path):
    return tmp_path


@pytest.fixture
def provisioner(build, provisioner_folder):
    p = Provisioner(build, provisioner_folder)
    yield p
    p.process.stop()


@pytest.fixture
def lan(build, out, tmp_path):
    with Lan(tmp_path / "lan", build, out) as it:
        yield it
