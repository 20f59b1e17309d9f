# SPDX-License-Identifier: GPL-3.0-or-later
"""berthctl run by root in folders that belong to other users: a link that is planted there leads nowhere."""
import ctypes
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import threading

import pytest

from toolworld import LOCK, UIDS, Berthctl, write_users

RENAME_EXCHANGE = 2
PROVISIONER = 4321  # its user, as systemd's DynamicUser= would choose one


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="berth-links-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def state(folder):
    """What systemd makes for the provisioner: a way that only root may go, and its user's folder at the end."""
    private = folder / "private"
    private.mkdir(mode=0o700)
    (private / "berth-provisioner").mkdir(mode=0o750)
    os.chown(private / "berth-provisioner", PROVISIONER, PROVISIONER)
    (folder / "berth-provisioner").symlink_to("private/berth-provisioner")
    return folder / "berth-provisioner"


def ctl(build, state, *arguments):
    return subprocess.run([pathlib.Path(build) / "bin/berthctl", "--database", state / "berth.db", *arguments], text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)


def test_a_database_is_made_and_used_as_its_folders_owner(build, state):
    assert ctl(build, state, "machine", "add", "--mac", "52:54:00:00:00:01").returncode == 0
    assert ctl(build, state, "policy", "set", "-y", "--unknown", "discover").returncode == 0
    for path in state.iterdir():
        assert path.stat().st_uid == PROVISIONER, path
    assert "m-0001" in ctl(build, state, "machine", "list").stdout


@pytest.mark.parametrize("name", ["berth.db", "berth.db-wal", "berth.db-shm", "berth.db-journal"])
@pytest.mark.parametrize("command", [("machine", "add", "--mac", "52:54:00:00:00:01"), ("machine", "list"), ("policy", "show"), ("vm", "list", "--running")],
                         ids=" ".join)
def test_a_link_in_the_databases_place_makes_and_changes_nothing_elsewhere(build, folder, state, name, command):
    target = folder / "root-only"
    target.mkdir(mode=0o755)
    (state / name).symlink_to(target / "file")
    ctl(build, state, *command)
    assert list(target.iterdir()) == [], "root made a file through another user's link"
    # A file that is there and could be a database of ours.
    other = sqlite3.connect(target / "file")
    other.execute("PRAGMA user_version = 0")
    other.execute("CREATE TABLE x (y)")
    other.commit()
    other.close()
    before = (target / "file").read_bytes()
    ctl(build, state, *command)
    assert (target / "file").read_bytes() == before and len(list(target.iterdir())) == 1


def test_the_key_of_what_is_served_is_not_read_through_the_provisioners_link(build, folder):
    """Who has taken the provisioner over points the served image's name at a folder with a key of their own."""
    images, theirs, source = folder / "images", folder / "theirs", folder / "source"
    for path in (images, theirs, source):
        path.mkdir()
    os.chown(images, PROVISIONER, PROVISIONER)
    (theirs / "image.pub").write_text("a key\n")
    for name in ("manifest.json", "manifest.json.minisig"):
        (source / name).write_text("x")
    link = images / "berth"

    def added():
        return subprocess.run([pathlib.Path(build) / "bin/berthctl", "image", "add", "--images", images, source], text=True, capture_output=True).stderr

    link.symlink_to(theirs)
    assert "BERTH-P31" in added() and "has a key here yet" not in added(), "root's own link counts"
    os.lchown(link, PROVISIONER, PROVISIONER)
    assert "has a key here yet" in added()


def test_an_image_is_not_imported_through_a_link_of_any_depth(build, folder):
    """The administrator names a user's file; the user made of its folder a link."""
    users, uploads, secret = folder / "users", folder / "uploads", folder / "secret"
    (users / "ann").mkdir(parents=True)
    os.chown(users / "ann", UIDS["ann"], UIDS["ann"])
    secret.mkdir(mode=0o700)
    (secret / "disk.raw").write_bytes(b"secret" * 1000)
    uploads.mkdir()
    (uploads / "ann").symlink_to(secret)
    (uploads / "disk.raw").symlink_to(secret / "disk.raw")
    tool = Berthctl(build, write_users(folder), "--directory", users)
    for path in (uploads / "ann" / "disk.raw", uploads / "disk.raw"):
        assert "symbolic link" in tool.refused("P24", "import", "--format", "raw", "ann/vm", path)
        assert "symbolic link" in tool.refused("P24", "create", "ann/vm", "--iso", path)
    assert os.listdir(users / "ann") == []


def test_a_folder_that_is_swapped_while_it_is_looked_at_shows_nothing_of_roots(build, folder):
    users, secret = folder / "users", folder / "secret"
    vms = [f"vm{i:02}" for i in range(40)]
    for vm in vms:
        (users / "ann" / vm).mkdir(parents=True)
        (users / "ann" / f".{vm}").symlink_to(secret)
    for path in (users / "ann").iterdir():
        os.lchown(path, UIDS["ann"], UIDS["ann"])
    os.chown(users / "ann", UIDS["ann"], UIDS["ann"])
    secret.mkdir(mode=0o700)
    (secret / "lock.1").write_text(json.dumps({**LOCK, "host": "secret-host"}) + "\n")
    tool = Berthctl(build, write_users(folder), "--directory", users)
    libc, end = ctypes.CDLL(None, use_errno=True), threading.Event()
    pairs = [(os.fsencode(users / "ann" / vm), os.fsencode(users / "ann" / f".{vm}")) for vm in vms]

    def swap():
        while not end.is_set():
            for a, b in pairs:
                libc.renameat2(-100, a, -100, b, RENAME_EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(40):
            done = tool.run("list", "--running")
            assert "secret-host" not in done.stdout + done.stderr
    finally:
        end.set()
        thread.join()
