# SPDX-License-Identifier: GPL-3.0-or-later
"""A client without a data partition keeps its session's state at a real provisioner."""
import copy
import json
import re
import shutil
import subprocess
import urllib.request

import pytest

from test_session import kill_all, power_off, start_guest

MAC = "52:54:00:00:00:01"


class Provisioner:
    def __init__(self, build, folder):
        self.build, self.database = build, folder / "berth.db"
        (folder / "images").mkdir()
        self.process = subprocess.Popen([f"{build}/bin/berth-provisioner", "--listen", "127.0.0.1:0", "--database", self.database, "--images",
                                         folder / "images"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if found := re.match(r"listening on (\S+)$", line):
                self.url = f"http://{found.group(1)}"
                break
        self.ctl("machine", "add", "--mac", MAC, "--name", "berth-12")
        with urllib.request.urlopen(f"{self.url}/v1/boot?mac={MAC}&platform=efi") as answer:
            self.token = re.search(r"berth\.boot=([0-9a-f]{32}) ", answer.read().decode()).group(1)
        self.machine = self.machines()[0]["id"]

    def ctl(self, *arguments):
        return subprocess.run([f"{self.build}/bin/berthctl", "--database", self.database, *arguments], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def machines(self):
        return json.loads(self.ctl("machine", "list", "--json"))

    def running(self):
        return json.loads(self.ctl("vm", "list", "--running", "--json"))

    def states(self):
        request = urllib.request.Request(f"{self.url}/v1/machines/{self.machine}/state", headers={"Berth-Boot": self.token})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture
def provisioner(build, tmp_path):
    p = Provisioner(build, tmp_path)
    yield p
    p.process.kill()
    p.process.wait()


@pytest.fixture
def diskless(world, provisioner):
    (world.folder / "cmdline").write_text(f"quiet berth.provisioner={provisioner.url}/ berth.boot={provisioner.token}\n")
    (world.folder / "machine.json").write_text(json.dumps({"schema": 1, "id": provisioner.machine, "name": "berth-12"}))
    world.configure(data="memory", client=provisioner.machine)
    return world


def test_the_provisioner_keeps_the_state_and_shows_the_session(diskless, provisioner):
    greeter = start_guest(diskless)
    assert provisioner.states() == ["s1"]
    session = provisioner.machines()[0]["session"]
    assert (session["user"], session["vm"]) == ("ann", "work")
    (row,) = provisioner.running()
    assert (row["user"], row["vm"], row["host"], row["client"], row["state"]) == ("ann", "work", "berth-12", provisioner.machine, "running")
    assert row["since"] == session["since"]
    power_off(greeter)
    assert provisioner.running() == []
    assert provisioner.states() == []
    assert not provisioner.machines()[0]["session"]
    diskless.assert_clean(client=provisioner.machine)


def test_a_second_workstation_with_the_same_record_ends_nothing_of_the_first_ones_session(diskless, provisioner):
    greeter = start_guest(diskless)
    # It asked with the first one's MAC, so it has a good token and reads the state of the session that runs there. Its paths are the same.
    second = copy.copy(diskless)
    second.state = diskless.folder / "second-state"
    second.sweep()
    assert diskless.locks() == ["lock.1"]
    assert provisioner.states() == ["s1"]
    assert diskless.libvirt.virsh("list", "--name").split() == ["berth-s1"]
    assert len(diskless.processes()) > 0
    power_off(greeter)
    diskless.assert_clean(client=provisioner.machine)


def test_after_a_power_cut_the_old_lock_is_claimed_above_and_never_released(diskless, provisioner):
    greeter = start_guest(diskless)
    kill_all(diskless, greeter)
    for folder in (diskless.state, diskless.swap, diskless.run):
        shutil.rmtree(folder)  # memory forgets
    assert diskless.locks() == ["lock.1"]
    assert [r["vm"] for r in provisioner.running()] == ["work"], "it ended without a word"
    diskless.sweep()
    assert diskless.locks() == ["lock.1"], "only a claim above it ends it"
    assert provisioner.states() == ["s1"]
    assert provisioner.running() == []
    # The ordinary question about a stale lock, with its wait; then the old state is of no more use to anybody.
    greeter = start_guest(diskless, "s2", choices=[1])
    assert any("This workstation was switched off during your last session" in title for title in greeter.texts("choice", "title"))
    assert diskless.locks() == ["lock.2"]
    assert provisioner.states() == ["s2"]
    power_off(greeter)
    assert provisioner.states() == []
    assert provisioner.running() == []
    diskless.assert_clean(client=provisioner.machine)
