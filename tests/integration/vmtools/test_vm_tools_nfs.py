# SPDX-License-Identifier: GPL-3.0-or-later
"""`berthctl vm` through a real NFS server, and what it made started by the real berth-session: the guest speaks."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tomllib

import pytest

import toolworld


@pytest.fixture
def ctl(world, build):
    ports = world.server.ports
    return toolworld.Berthctl(build, toolworld.write_users(world.folder), "--server", f"127.0.0.1:{world.export}", "--nfs-port", ports["nfs_port"],
                              "--mount-port", ports["mount_port"])


@pytest.fixture
def ben(world):
    folder = world.export / "ben"
    folder.mkdir(mode=0o700)
    os.chown(folder, toolworld.UIDS["ben"], toolworld.UIDS["ben"])
    return folder


def boots(world, **keywords):
    """Logs ann in, hears the guest, and ends it."""
    greeter = world.log_in("s1", **keywords)
    greeter.until("console", 90)
    greeter.guest_says(b"berth guest up", 90)
    assert greeter.end(60, nudge=b"q") == 0 and greeter.result == "done"


def machine(folder):
    return tomllib.loads((folder / "machine.toml").read_text())


def owned(folder, uid):
    return all((p.lstat().st_uid, p.lstat().st_gid) == (uid, uid) for p in (folder, *folder.rglob("*")))


def test_vms_are_created_imported_listed_checked_and_removed_by_nfs(world, ctl, ben):
    raw, image = world.folder / "bytes", world.folder / "disk.qcow2"
    raw.write_bytes(os.urandom(300_032) + bytes(3 << 20) + os.urandom(700_416))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, image], check=True)
    ctl.ok("import", "ben/from image", image)
    assert (ben / "from image/software.raw").read_bytes() == raw.read_bytes()
    ctl.ok("create", "ben/new", "--disk", "16 MiB", "--swap", "64 MiB")
    assert owned(ben, toolworld.UIDS["ben"])
    assert [(v["user"], v["vm"]) for v in ctl.json("list")] == [("ann", "work"), ("ben", "from image"), ("ben", "new")]
    assert "nothing would stop a login" in ctl.ok("check", "ben/new")
    ctl.refused("M34", "create", "ben/new")
    ctl.ok("remove", "--yes", "ben/new")
    assert sorted(os.listdir(ben)) == ["from image"]
    ctl.refused("P27", "show", "ben/new")


def test_a_vm_in_a_session_is_refused_and_shown_in_use(world, ctl, ben):
    greeter = world.log_in("s1")
    greeter.until("console", 90)
    greeter.guest_says(b"berth guest up")
    assert "berth-12" in ctl.refused("K01", "remove", "--yes", "ann/work")
    assert "berth-12" in ctl.refused("K01", "clone", "ann/work", "ben/work")
    assert ctl.json("list", "ann")[0]["holder"]["host"] == "berth-12"
    assert "BERTH-K01" in ctl.run("check", "ann/work").stdout
    assert greeter.end(60, nudge=b"q") == 0
    world.assert_clean()
    assert "nothing would stop a login" in ctl.ok("check", "ann/work")


def test_a_clone_boots(world, ctl):
    ctl.ok("clone", "ann/work", "ann/copy")
    copy = world.user / "copy"
    assert machine(copy)["uuid"] != machine(world.user / "work")["uuid"]
    assert (copy / "software.raw").read_bytes() == (world.user / "work/software.raw").read_bytes()
    assert owned(copy, toolworld.UIDS["ann"])
    boots(world, choices=[0])
    world.assert_clean(vm="copy")
    # Cloning took the source's lock and gave it back; the session used the copy.
    assert world.names("work") == ["last-used.1", "machine.toml", "software.raw"]


def test_an_appliance_boots(world, ctl):
    folder = world.folder / "ova"
    folder.mkdir()
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", world.user / "work/software.raw",
                    folder / "disk1.vmdk"], check=True)
    ova = toolworld.make_ova(folder, [folder / "disk1.vmdk"], toolworld.ovf(["disk1.vmdk"], cpus=1, memory=64))
    ctl.ok("import", "ann/appliance", ova, "--network", "none")
    assert machine(world.user / "appliance")["disk"][0]["bus"] == "sata"
    boots(world, choices=[0])
    world.assert_clean(vm="appliance")


def test_an_empty_vm_boots_its_installation_medium(world, ctl):
    tree = world.folder / "iso"
    tree.mkdir()
    (tree / "boot.bin").write_bytes(world.sector.ljust(2048, b"\0"))
    iso = world.folder / "install.iso"
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "boot.bin", "-no-emul-boot", "-boot-load-size", "4", "-c", "boot.cat", tree],
                   check=True, stderr=subprocess.DEVNULL)
    ctl.ok("create", "ann/installing", "--cpus", "1", "--memory", "64 MiB", "--disk", "4 MiB", "--network", "none", "--iso", iso)
    boots(world, choices=[0])
    world.assert_clean(vm="installing")


def template(world, mib=4):
    """A VM's folder that everybody may read, and berth.toml that names it; ann has no VM."""
    shutil.rmtree(world.user / "work")
    folder = world.export / "templates/debian"
    folder.mkdir(parents=True)
    world.user = world.user.parent / "templates"
    world.add_vm("scratch", 7)
    for path in (world.user / "scratch").iterdir():
        path.rename(folder / path.name)
    (world.user / "scratch").rmdir()
    world.user = world.export / "ann"
    with open(folder / "software.raw", "r+b") as disk:
        disk.seek(1 << 20)
        disk.write(os.urandom(1 << 20) * (mib - 1))
    for path in (folder, *folder.iterdir()):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() else 0o644)
    world.configure(extra=f'template = "127.0.0.1:{folder}"\n')
    return folder


def test_a_first_login_makes_the_vm_from_the_template(world):
    folder = template(world)
    boots(world)
    made = world.user / "debian"
    assert os.listdir(world.user) == ["debian"] and owned(made, toolworld.UIDS["ann"])
    assert (made / "software.raw").read_bytes() == (folder / "software.raw").read_bytes()
    assert machine(made)["uuid"] != machine(folder)["uuid"]
    world.assert_clean(vm="debian")
    before = (made / "machine.toml").read_bytes()
    greeter = world.log_in("s2")
    greeter.until("console", 90)
    greeter.guest_says(b"berth guest up")
    assert greeter.end(60, nudge=b"q") == 0
    assert (made / "machine.toml").read_bytes() == before and os.listdir(world.user) == ["debian"]


def test_a_first_login_that_was_killed_leaves_no_vm_and_the_next_one_makes_it(world):
    folder = template(world, mib=512)
    greeter = world.log_in("s1")
    while "Making your virtual machine" not in greeter.until("progress", 60, step="choose")["text"]:
        pass
    session = int(pathlib.Path(f"/proc/{greeter.process.pid}/task/{greeter.process.pid}/children").read_text().split()[0])
    os.kill(session, signal.SIGKILL)
    greeter.process.wait(30)
    left = os.listdir(world.user)
    assert len(left) == 1 and left[0].startswith(".new-")
    greeter = world.log_in("s2")
    greeter.until("console", 120)
    greeter.guest_says(b"berth guest up")
    assert greeter.end(60, nudge=b"q") == 0
    assert os.listdir(world.user) == ["debian"]
    assert subprocess.run(["cmp", world.user / "debian/software.raw", folder / "software.raw"]).returncode == 0
    assert world.locks("debian") == []


def test_a_template_that_is_not_there_is_explained(world):
    template(world)
    world.configure(extra=f'template = "127.0.0.1:{world.export}/templates/missing"\n')
    greeter = world.log_in()
    assert greeter.end(60) == 1
    # Ganesha calls a folder that is not there forbidden.
    assert any(re.search("BERTH-M0[56].*template: .*missing", t) for t in greeter.texts("message")), greeter.shown
    assert os.listdir(world.user) == []


def test_an_nfs_server_that_is_stopped_and_started_again_loses_nothing_of_a_copy(world, ctl, ben):
    disk = world.user / "work/software.raw"
    with open(disk, "r+b") as f:
        f.seek(1 << 20)
        f.write(os.urandom(1 << 20) * 400)
    process = subprocess.Popen(ctl.command("clone", "--progress", "ann/work", "ben/copy"), env=ctl.environment, stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    restarted, said = False, []
    for line in process.stderr:
        said.append(line)
        if not restarted and " %" in line and ": 100 %" not in line:
            restarted = True
            world.server.do("stop")
            world.server.start()
    assert process.wait(200) == 0 and restarted, "".join(said[-5:])
    assert subprocess.run(["cmp", ben / "copy/software.raw", disk]).returncode == 0
    assert json.loads((world.user / "work/last-used.1").read_text())["user"] == "root"
