# SPDX-License-Identifier: GPL-3.0-or-later
"""`berthctl vm` in a directory of this machine: real images by qemu-img, real file systems on loop devices."""
import json
import os
import signal
import subprocess
import tomllib

import pexpect
import pytest

import toolworld
from toolworld import UIDS, flat


def machine(tools, name):
    return tomllib.loads(tools.path(name, "machine.toml").read_text())


def assert_owned(path, uid):
    for entry in (path, *path.rglob("*")):
        facts = entry.lstat()
        assert (facts.st_uid, facts.st_gid) == (uid, uid), entry


def test_a_new_vm_is_listed_shown_checked_and_removed(tools):
    made = tools.ctl.json("create", "ann/work", "--memory", "1GiB", "--cpus", 2, "--disk", "64 MiB", "--disk", "8MiB", "--swap", "64 MiB")
    assert made["memory"] == 1 << 30
    written = machine(tools, "ann/work")
    assert [d["role"] for d in written["disk"]] == ["software", "files", "swap"]
    assert tools.path("ann/work", "software.raw").stat().st_size == 64 << 20
    assert tools.names() == ["work"]
    assert_owned(tools.path("ann/work"), UIDS["ann"])
    assert [v["vm"] for v in tools.ctl.json("list")] == ["work"]
    assert "ann/work" in tools.ctl.ok("list", "ann")
    assert tools.ctl.json("show", "ann/work")["uuid"] == made["uuid"]
    assert "nothing would stop a login" in tools.ctl.ok("check", "ann/work")
    assert "-file: software.raw" in tools.ctl.ok("remove", "--yes", "ann/work")
    assert tools.names() == []


def test_a_second_vm_of_the_same_name_is_refused_and_the_first_untouched(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    before = flat(tools.path("ann/work", "machine.toml"))
    tools.ctl.refused("M34", "create", "ann/work", "--disk", "2 MiB")
    assert flat(tools.path("ann/work", "machine.toml")) == before and tools.names() == ["work"]


def test_remove_without_a_terminal_needs_yes_and_a_vm_in_use_stays(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    tools.ctl.refused("P06", "remove", "ann/work")
    tools.lock("ann/work", 9)
    assert "berth-7" in tools.ctl.refused("K01", "remove", "--yes", "ann/work")
    assert "berth-7" in tools.ctl.refused("K01", "clone", "ann/work", "ben/work")
    assert sorted(os.listdir(tools.path("ann/work"))) == ["lock.9", "machine.toml", "software.raw"]
    assert tools.ctl.json("list")[0]["holder"]["host"] == "berth-7"
    assert tools.names("ben") == []


def test_a_lock_whose_holder_is_gone_is_broken_when_asked_for(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    tools.lock("ann/work", 9)
    tools.lab.ok("clone", "ann/work", "ben/work", "--break", "--lock-times-ms", "1000,6000,3000,2000")
    assert sorted(os.listdir(tools.path("ann/work"))) == ["last-used.10", "machine.toml", "software.raw"]
    assert tools.names("ben") == ["work"]


def test_names_may_have_spaces_utf8_a_dash_and_255_bytes(tools):
    for name in ("my vm ü", "-rf", "n" * 255):
        tools.ctl.ok("create", f"ann/{name}", "--disk", "1 MiB")
        assert "nothing would stop" in tools.ctl.ok("check", f"ann/{name}")
        tools.ctl.ok("clone", f"ann/{name}", f"ben/{name}")
        assert tools.names("ben") == [name]
        for user in ("ann", "ben"):
            tools.ctl.ok("remove", "--yes", f"{user}/{name}")
    for name in ("n" * 256, ".hidden", "a/b", "line\nfeed", ""):
        assert "must be 1 to 255 bytes" in tools.ctl.refused("M36", "create", f"ann/{name}")
    assert tools.names() == []


def test_values_out_of_range_name_the_range(tools):
    assert "16 MiB to 4 TiB" in tools.ctl.refused("P06", "create", "ann/work", "--memory", "1 MiB")
    assert "1 MiB to 64 TiB" in tools.ctl.refused("P06", "create", "ann/work", "--disk", "0")
    tools.ctl.refused("P29", "create", "nobody-knows/work")
    assert tools.names() == []


@pytest.mark.parametrize("fmt,options", [("qcow2", ()), ("qcow2", ("compat=0.10",)), ("vmdk", ()), ("vmdk", ("subformat=streamOptimized",)), ("vdi", ()),
                                         ("vhdx", ()), ("raw", ())])
def test_an_imported_image_has_the_same_bytes(tools, fmt, options):
    image, raw = tools.image(fmt, options=options)
    tools.ctl.ok("import", "ann/work", image)
    assert flat(tools.path("ann/work", "software.raw")) == flat(raw)
    assert_owned(tools.path("ann/work"), UIDS["ann"])
    assert machine(tools, "ann/work")["disk"][0]["bus"] == ("virtio" if fmt in ("qcow2", "raw") else "sata")
    assert "nothing would stop" in tools.ctl.ok("check", "ann/work")
    # Sparse as it was.
    assert tools.path("ann/work", "software.raw").stat().st_blocks * 512 < 4 << 20


def test_an_ova_brings_processors_memory_disks_firmware_and_card(tools):
    first, first_raw = tools.image("vmdk", "a", options=("subformat=streamOptimized",))
    second, second_raw = tools.image("vmdk", "b", options=("subformat=streamOptimized",))
    description = toolworld.ovf([first.name, second.name], firmware='<vmw:Config vmw:key="firmware" vmw:value="efi"/>')
    ova = toolworld.make_ova(tools.folder, [first, second], description)
    tools.ctl.ok("import", "ann/office", ova)
    written = machine(tools, "ann/office")
    assert (written["cpus"], written["memory"], written["firmware"]) == (3, "96 MiB", "uefi")
    assert written["network"]["model"] == "e1000e"
    assert [(d["role"], d["bus"]) for d in written["disk"]] == [("software", "sata"), ("files", "sata")]
    assert flat(tools.path("ann/office", "software.raw")) == flat(first_raw)
    assert flat(tools.path("ann/office", "files.raw")) == flat(second_raw)
    assert "nothing would stop" in tools.ctl.ok("check", "ann/office")


def test_malformed_ovas_are_refused(tools):
    disk, _ = tools.image("vmdk", options=("subformat=streamOptimized",))
    good = flat(toolworld.make_ova(tools.folder, [disk]))
    bad = tools.folder / "bad.ova"
    for content in (b"", b"x" * 4096, good[:700], good[:len(good) // 2], good.replace(b"x.ovf", b"x.txt", 1)):
        bad.write_bytes(content)
        tools.ctl.refused("P2", "import", "ann/office", bad)
    for description in (toolworld.ovf(["../../etc/shadow"]), toolworld.ovf(["missing.vmdk"]), toolworld.ovf([disk.name], cpus=0),
                        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/shadow">]><Envelope>&e;</Envelope>'):
        tools.ctl.refused("P25", "import", "ann/office", toolworld.make_ova(tools.folder, [disk], description))
    assert tools.names() == []


def secret_is_nowhere(tools, secret):
    assert tools.names() == []
    found = subprocess.run(["grep", "-r", "-l", secret, tools.users], stdout=subprocess.PIPE).stdout
    assert found == b""


def opened(tools, path, *arguments):
    """The command's exit code, and whether any of its processes opened `path`."""
    trace = tools.folder / "trace"
    done = tools.ctl.run(*arguments, wrapper=["strace", "-f", "-e", "trace=open,openat,openat2", "-o", str(trace), "--"])
    return done, str(path) in "".join(line for line in trace.read_text(errors="replace").splitlines(True) if "execve" not in line)


def test_files_outside_an_image_are_never_opened(tools):
    secret = tools.folder / "secret"
    secret.write_bytes(b"geheim-4711" + bytes((1 << 20) - 11))
    backed, external, text, link = (tools.folder / n for n in ("backed.qcow2", "external.qcow2", "text.vmdk", "link.qcow2"))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", backed], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tools.folder}/data,data_file_raw=on", external, "1M"], check=True)
    text.write_text(f'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "{secret}" 0\n' + " " * 600)
    hollow = tools.folder / "hollow.vmdk"
    hollow.write_bytes(b"KDMV" + (1).to_bytes(4, "little") + bytes(12) + bytes(8) + (1).to_bytes(8, "little") + (1).to_bytes(8, "little") + bytes(468) +
                       text.read_bytes())
    link.symlink_to(secret)
    for image, file in ((backed, secret), (external, tools.folder / "data"), (text, secret), (hollow, secret), (link, link.resolve())):
        done, touched = opened(tools, file, "import", "ann/work", image)
        assert done.returncode == 1 and "BERTH-P24" in done.stderr, (image, done.stderr)
        assert not touched, image
    secret_is_nowhere(tools, "geheim-4711")


def test_a_backing_file_hidden_from_the_head_is_not_opened_either(tools):
    """A VMDK's parent stands in the descriptor inside it, where only qemu-img looks."""
    secret, image = tools.folder / "secret.vmdk", tools.folder / "child.vmdk"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", secret, "1M"], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", "-b", secret, "-F", "vmdk", image], check=True)
    done, touched = opened(tools, secret, "import", "ann/work", image)
    assert not touched
    assert done.returncode == 1 and "BERTH-P24" in done.stderr, done.stderr
    assert tools.names() == []


def test_an_image_that_its_owner_could_exchange_under_root_is_not_given_to_qemu_img(tools):
    """Between two looks of ours it could name any file of root's."""
    image = tools.folder / "theirs.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    os.chown(image, 1000, 1000)
    assert "user 1000's" in tools.ctl.refused("P24", "import", "ann/work", image)
    assert tools.names() == []
    os.chown(image, 0, 0)
    tools.ctl.ok("import", "ann/work", image)


def test_a_disk_that_links_out_of_the_folder_is_not_cloned_and_check_says_so(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    secret = tools.folder / "secret"
    secret.write_text("geheim-4711")
    tools.path("ann/work", "software.raw").unlink()
    tools.path("ann/work", "software.raw").symlink_to(secret)
    tools.ctl.refused("C04", "clone", "ann/work", "ben/work")
    assert tools.names("ben") == []
    done = tools.ctl.run("check", "ann/work")
    assert done.returncode == 1 and "BERTH-M32" in done.stdout


def test_a_users_folder_or_vm_that_is_a_link_is_not_followed(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    tools.path("ben").rmdir()
    tools.path("ben").symlink_to("ann")
    tools.ctl.refused("M09", "remove", "--yes", "ben/work")
    tools.path("ben").unlink()
    tools.path("ben").mkdir(mode=0o700)
    os.chown(tools.path("ben"), UIDS["ben"], UIDS["ben"])
    tools.path("ben/work").symlink_to("../ann/work")
    tools.ctl.refused("P27", "remove", "--yes", "ben/work")
    tools.ctl.refused("M34", "create", "ben/work")
    assert tools.names() == ["work"]


def test_a_file_that_the_user_may_not_read_is_not_read_by_root_for_them(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    disk = tools.path("ann/work", "software.raw")
    os.chown(disk, 0, 0)
    disk.chmod(0o600)
    tools.ctl.refused("M06", "clone", "ann/work", "ben/work")
    found = json.loads(tools.ctl.run("check", "--json", "ann/work").stdout)["findings"]
    assert [f["code"] for f in found if f["stops"]] == ["BERTH-M32"] and "may not read" in found[0]["text"]


def test_check_lists_every_fault(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB", "--disk", "1 MiB")
    tools.path("ann/work", "software.raw").unlink()
    tools.path("ann/work", "files.raw").write_bytes(b"")
    tools.lock("ann/work", 3)
    tools.path("ann/work").chmod(0o500)
    done = tools.ctl.run("check", "--json", "ann/work")
    assert done.returncode == 1 and "BERTH-P28" in done.stderr
    assert [f["code"] for f in json.loads(done.stdout)["findings"]] == ["BERTH-M06", "BERTH-M32", "BERTH-M32", "BERTH-K01"]
    tools.path("ann/work", "machine.toml").write_text("schema = 1\ncpus = 0\n")
    assert "BERTH-C05" in tools.ctl.run("check", "ann/work").stdout
    assert "BERTH-C05" in tools.ctl.ok("list")


@pytest.mark.parametrize("filesystem", ["ext4", "xfs"])
def test_a_clone_has_the_same_disk_and_an_identity_of_its_own(make_tools, filesystem):
    tools = make_tools(filesystem=filesystem)
    image, raw = tools.image("raw", mib=64)
    tools.ctl.ok("import", "ann/work", image, "--swap", "64 MiB")
    made = tools.ctl.json("clone", "ann/work", "ben/copy")
    old, new = machine(tools, "ann/work"), machine(tools, "ben/copy")
    assert new["uuid"] == made[0]["uuid"] != old["uuid"]
    assert new["network"]["mac"] == made[0]["mac"] != old["network"]["mac"]
    assert new["disk"] == old["disk"]
    assert flat(tools.path("ben/copy", "software.raw")) == flat(raw)
    assert_owned(tools.path("ben/copy"), UIDS["ben"])
    assert sorted(os.listdir(tools.path("ben/copy"))) == ["machine.toml", "software.raw"]
    # The source was held by its lock, and given free.
    assert sorted(os.listdir(tools.path("ann/work"))) == ["last-used.1", "machine.toml", "software.raw"]
    assert [disk["name"] for disk in json.loads(tools.path("ann/work", "last-used.1").read_text())["disks"]] == [disk["name"] for disk in old["disk"] if disk["role"] != "swap"]
    extents = subprocess.run(["filefrag", "-v", tools.path("ben/copy", "software.raw")], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert ("shared" in extents) == (filesystem == "xfs"), extents
    assert tools.path("ben/copy", "software.raw").stat().st_blocks * 512 < 8 << 20


def test_a_class_of_30_is_cloned_and_late_pupils_follow(make_tools):
    tools = make_tools(filesystem="xfs")
    image, raw = tools.image("raw", mib=16)
    tools.ctl.ok("import", "ann/template", image)
    users = tools.folder / "class"
    pupils = [f"pupil{i:02}" for i in range(30)]
    users.write_text("# class 7b\n" + "\n".join(pupils[:28]) + "\n\n")
    made = tools.ctl.json("clone", "ann/template", "--users", users, "--name", "work")
    assert [m["user"] for m in made] == pupils[:28]
    users.write_text("\n".join(pupils))
    assert "pupil00/work: is there already" in tools.ctl.ok("clone", "ann/template", "--users", users, "--name", "work")
    uuids = {machine(tools, f"{p}/work")["uuid"] for p in pupils}
    assert len(uuids) == 30 and uuids >= {m["uuid"] for m in made}
    assert len({machine(tools, f"{p}/work")["network"]["mac"] for p in pupils}) == 30
    for pupil in pupils:
        assert flat(tools.path(f"{pupil}/work", "software.raw")) == flat(raw)
        assert_owned(tools.path(pupil), UIDS[pupil])
        assert tools.names(pupil) == ["work"]


def test_an_unknown_user_in_the_list_stops_before_anything_is_made(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    users = tools.folder / "class"
    users.write_text("ben\nnobody-knows\n")
    tools.ctl.refused("P29", "clone", "ann/work", "--users", users)
    users.write_text("ben\nben\n")
    assert "line 2" in tools.ctl.refused("M36", "clone", "ann/work", "--users", users)
    assert tools.names("ben") == []


def test_an_import_that_was_killed_is_gone_on_with(make_tools):
    tools = make_tools(mib=4096)
    image, raw = tools.image("qcow2", mib=3072)
    process = subprocess.Popen(tools.ctl.command("import", "--progress", "ann/work", image), env=tools.ctl.environment, stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
    for line in process.stderr:
        if ": 66 %" in line:  # the second window is written down when the third has begun
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    assert len(tools.names()) == 1 and tools.names()[0].startswith(".new-")
    assert tools.ctl.json("list") == []
    done = tools.ctl.run("import", "--progress", "ann/work", image)
    assert done.returncode == 0, done.stderr
    percents = [line.split(": ")[2].split()[0] for line in done.stderr.splitlines() if "software.raw" in line]
    assert percents[0] in ("33", "66") and percents[-1] == "100", done.stderr
    assert tools.names() == ["work"]
    assert subprocess.run(["cmp", tools.path("ann/work", "software.raw"), raw]).returncode == 0


def locks(tools, name):
    return [n for n in os.listdir(tools.path(name)) if n.startswith("lock.")]


def test_a_clone_that_is_interrupted_gives_the_lock_back_and_is_gone_on_with(make_tools):
    tools = make_tools(mib=4096)
    tools.ctl.ok("create", "ann/work", "--disk", "1 GiB")
    piece = os.urandom(1 << 20)
    with open(tools.path("ann/work", "software.raw"), "r+b") as f:
        for _ in range(1024):
            f.write(piece)
    command = ["clone", "--progress", "ann/work", "ben/work"]
    process = subprocess.Popen(tools.ctl.command(*command), env=tools.ctl.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    said = []
    for line in process.stderr:
        said.append(line)
        if "software.raw: " in line and ": 0 %" not in line and len(said) < 10:
            process.send_signal(signal.SIGTERM)
            break
    said += process.stderr.readlines()
    process.stderr.close()
    assert process.wait() == 1 and "BERTH-P30" in said[-1], said[-5:]
    assert locks(tools, "ann/work") == []
    assert len(tools.names("ben")) == 1 and tools.names("ben")[0].startswith(".new-")
    tools.ctl.ok(*command)
    assert tools.names("ben") == ["work"]
    assert subprocess.run(["cmp", tools.path("ann/work", "software.raw"), tools.path("ben/work", "software.raw")]).returncode == 0


def test_ctrl_c_at_the_question_removes_nothing_and_leaves_no_lock(tools):
    tools.ctl.ok("create", "ann/work", "--disk", "1 MiB")
    command = tools.ctl.command("remove", "ann/work")
    terminal = pexpect.spawn(command[0], command[1:], env=tools.ctl.environment, timeout=60, encoding="utf-8")
    terminal.expect("Change it")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 1 and "BERTH-P30" in terminal.before, (terminal.exitstatus, terminal.before)
    assert locks(tools, "ann/work") == []
    assert tools.names() == ["work"]
    tools.ctl.ok("remove", "ann/work", "--yes")


def test_another_source_does_not_go_on_with_what_an_earlier_one_left(make_tools):
    tools = make_tools(mib=4096)
    first, _ = tools.image("qcow2", "first", mib=2048)
    second, raw = tools.image("qcow2", "second", mib=2048)
    process = subprocess.Popen(tools.ctl.command("import", "--progress", "ann/work", first), env=tools.ctl.environment, stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
    for line in process.stderr:
        if ": 50 %" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    tools.ctl.ok("import", "ann/work", second)
    assert tools.names() == ["work"]
    assert subprocess.run(["cmp", tools.path("ann/work", "software.raw"), raw]).returncode == 0


def test_no_room_is_said_before_and_half_way_and_leaves_nothing(make_tools):
    tools = make_tools(mib=64)
    full = tools.folder / "full.raw"
    full.write_bytes(os.urandom(1 << 20) * 70)
    assert "MiB are needed" in tools.ctl.refused("M07", "import", "ann/work", full)
    assert tools.names() == []
    half = tools.folder / "half.raw"
    half.write_bytes(os.urandom(1 << 20) * 30)
    tools.ctl.ok("import", "ann/work", half)
    assert "the work so far was removed" in tools.ctl.refused("M07", "clone", "ann/work", "ben/work")
    assert tools.names("ben") == []
    assert [n for n in os.listdir(tools.path("ann/work")) if n.startswith("lock")] == []


def test_an_installation_medium_is_a_cdrom(tools):
    medium = tools.folder / "debian.iso"
    medium.write_bytes(os.urandom(2048 * 16))
    tools.ctl.ok("create", "ann/new", "--disk", "4 MiB", "--iso", medium)
    disks = machine(tools, "ann/new")["disk"]
    assert (disks[1]["role"], disks[1]["path"]) == ("cdrom", "installer.iso")
    assert flat(tools.path("ann/new", "installer.iso")) == flat(medium)
    shared = tools.folder / "shared"
    shared.mkdir()
    (shared / "debian.iso").write_bytes(flat(medium))
    tools.ctl.ok("create", "ann/linked", "--disk", "4 MiB", "--iso-link", shared / "debian.iso", "--shared", shared)
    assert os.readlink(tools.path("ann/linked", "installer.iso")) == str(shared / "debian.iso")
    assert "nothing would stop" in tools.ctl.ok("check", "--shared", shared, "ann/linked")
    tools.ctl.ok("clone", "--shared", shared, "ann/linked", "ben/linked")
    assert os.readlink(tools.path("ben/linked", "installer.iso")) == str(shared / "debian.iso")
