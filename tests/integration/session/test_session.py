# SPDX-License-Identifier: GPL-3.0-or-later
"""The real berth-session against a real NFS server, a real libvirt with an emulated guest, and real PAM."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest
import sessionworld
from faults import kill_session


def start_guest(world, session="s1", **keywords):
    greeter = world.log_in(session, **keywords)
    greeter.until("console", 90)
    greeter.guest_says(b"berth guest up")
    return greeter


def wait_until(condition, timeout=60):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def power_off(greeter):
    assert greeter.end(60, nudge=b"q") == 0
    assert greeter.result == "done"


def test_a_login_runs_the_vm_and_leaves_nothing_behind(world):
    greeter = start_guest(world)
    assert world.locks() == ["lock.1"]
    assert (world.swap / "s1-swap.raw").read_bytes()[4086:4096] == b"SWAPSPACE2"
    assert json.loads((world.state / "s1.json").read_text())["lock"]["epoch"] == 1
    power_off(greeter)
    assert "console-end" in [b["type"] for b in greeter.shown]
    epoch, record = world.last_used()
    assert (epoch, [disk["name"] for disk in json.loads(record)["disks"]]) == (1, ["software"])
    world.assert_clean()
    order = [b["step"] for b in greeter.shown if b["type"] == "progress" and b["state"] == "undoing"]
    assert order == ["console", "vm", "volume", "lock", "mount", "swap", "authenticate"]


def test_a_second_login_takes_the_next_epoch(world):
    power_off(start_guest(world, "s1"))
    power_off(start_guest(world, "s2"))
    assert world.last_used()[0] == 2
    assert [n for n in world.names() if n.startswith("last-used.")] == ["last-used.2"]
    world.assert_clean()


def test_the_user_chooses_among_vms_and_the_other_one_is_untouched(world):
    world.add_vm("play", 2)
    before = world.names("work")
    greeter = start_guest(world, choices=[0])
    assert world.locks("play") == ["lock.1"]
    power_off(greeter)
    assert world.names("work") == before
    world.assert_clean(vm="play")


def test_readme_numbers_the_demos_vms_as_the_screen_does(world):
    """The screen numbers a choice's options in their order."""
    row = re.search(r"^\| `1` or `2`.* \| choose the virtual machine `(\w+)` or `(\w+)` \|$", (sessionworld.ROOT / "README.md").read_text(), re.M)
    made = re.search(r"^ *for vm in (.*); do$", (sessionworld.ROOT / "image/demo/run").read_text(), re.M)[1].split()
    for number, vm in enumerate((vm for vm in made if vm != "work"), 2):
        world.add_vm(vm, number)
    greeter = world.log_in(choices=[0])
    options = greeter.until("choice")["options"]
    assert options == [*row.groups()] and sorted(made) == sorted(options)
    greeter.send(type="cancel")
    greeter.end()


def test_a_wrong_password_mounts_nothing(world):
    greeter = world.log_in(answers=["falsch"])
    assert greeter.end() == 1
    assert any("BERTH-L01" in t for t in greeter.texts("message"))
    assert world.names() == ["machine.toml", "software.raw"]
    assert not list(world.state.glob("*"))


def test_an_expired_password_is_changed_at_the_prompt(world):
    world.pam("auth conv 1\noff Password: =geheim\naccount return 12\nchauthtok conv 2\noff New password: =neu\noff Again: =neu\n")
    greeter = start_guest(world, answers=["geheim", "neu", "neu"])
    power_off(greeter)
    world.assert_clean()


def test_no_password_stays_in_the_memory_of_a_running_session(world):
    world.pam("auth conv 2\noff Password: =Zauberwort-4711-xyz\non Token: =Wunderding-0815-abc\n")
    greeter = start_guest(world, answers=["Zauberwort-4711-xyz", "Wunderding-0815-abc"])
    pid = berth_session_pid(greeter)
    found = []
    for line in open(f"/proc/{pid}/maps", encoding="utf-8"):
        span, mode = line.split()[:2]
        if not mode.startswith("rw") or "[vvar" in line:
            continue
        begin, end = (int(x, 16) for x in span.split("-"))
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(begin)
            data = memory.read(end - begin)
        found += [(secret, line) for secret in (b"Zauberwort-4711", b"Wunderding-0815") if secret in data]
    assert found == []
    power_off(greeter)


def berth_session_pid(greeter):
    """nsenter's child is the session."""
    return int(open(f"/proc/{greeter.process.pid}/task/{greeter.process.pid}/children", encoding="utf-8").read().split()[0])


def test_17_groups_are_a_clear_error(world):
    greeter = world.log_in(user="many")
    assert greeter.end() == 1
    assert any("BERTH-M12" in t for t in greeter.texts("message"))


def test_a_read_only_export_is_explained(make_world):
    world = make_world("--ro")
    greeter = world.log_in()
    assert greeter.end() == 1
    assert any("BERTH-M03" in t for t in greeter.texts("message")), greeter.shown
    assert world.names() == ["machine.toml", "software.raw"]
    assert not list(world.state.glob("*"))


def test_a_missing_disk_is_named(world):
    (world.user / "work/software.raw").unlink()
    greeter = world.log_in()
    assert greeter.end() == 1
    assert any("BERTH-M32" in t and "software" in t for t in greeter.texts("message")), greeter.shown
    assert world.names() == ["machine.toml"]


def test_a_server_that_is_not_there_is_explained(world):
    world.server.do("stop")
    greeter = world.log_in()
    assert greeter.end(90) == 1
    assert any("BERTH-M02" in t or "BERTH-M04" in t for t in greeter.texts("message")), greeter.shown
    world.server.start()


def test_a_login_asks_the_port_mapper_for_ports_that_are_not_configured(port_mapper, make_world):
    world = make_world(port_mapper=port_mapper)
    assert "nfs_port = 0\nmount_port = 0\n" in (world.folder / "berth.toml").read_text()
    greeter = start_guest(world)
    assert world.locks() == ["lock.1"]
    power_off(greeter)
    world.assert_clean()


def test_a_server_that_did_not_register_is_explained_with_its_port(port_mapper, make_world):
    world = make_world(port_mapper=port_mapper)
    for version in ("1", "3"):
        subprocess.run(port_mapper.enter("rpcinfo", "-d", "100005", version), check=True)
    greeter = world.log_in()
    assert greeter.end() == 1
    assert any("BERTH-M05" in t and "127.0.0.1 port 111" in t for t in greeter.texts("message")), greeter.shown
    assert not list(world.state.glob("*"))


def hold_by_another(world):
    """Another client runs the VM and its session dies with everything: its lock stays."""
    world.configure(client="m-0002", host="berth-7")
    other = start_guest(world, "other")
    kill_all(world, other)
    for folder in (world.state, world.swap, world.run):
        shutil.rmtree(folder)
    world.configure()


def kill_all(world, greeter):
    """As a power cut: session, berth-volume and QEMU at once; the files of this client stay."""
    kill_session(berth_session_pid(greeter))
    greeter.close()
    volume = json.loads((world.state / f"{greeter.session}.json").read_text())["volume_pid"]
    # That pid counts in the namespace of with-libvirt.
    subprocess.run(world.libvirt.enter("kill", "-9", str(volume)), check=True)
    world.libvirt.virsh("destroy", f"berth-{greeter.session}")


def test_no_to_a_locked_vm_names_the_holder_and_logs_off(world):
    hold_by_another(world)
    greeter = world.log_in(choices=[0])
    assert greeter.end() == 1
    title = greeter.texts("choice", "title")[0]
    assert "berth-7" in title and time.strftime("%Y-%m-%d", time.gmtime()) in title
    assert "not saved there may be lost" in title
    assert world.locks() == ["lock.1"]
    assert not list(world.state.glob("*"))


def test_yes_to_a_locked_vm_waits_and_goes_on(world):
    hold_by_another(world)
    greeter = start_guest(world, choices=[1])
    assert any("berth-7" in t and "3 s" in t for t in greeter.texts("progress")), greeter.texts("progress")
    assert world.locks() == ["lock.2"]
    power_off(greeter)
    assert world.last_used()[0] == 2
    world.assert_clean()


def test_close_switches_a_guest_off_that_does_not_answer(world):
    greeter = start_guest(world)
    greeter.send(type="vm", action="close")
    assert greeter.end(60) == 0
    assert any("Asking" in t for t in greeter.texts("status"))
    world.assert_clean()


def test_force_off_ends_the_guest_at_once(world):
    greeter = start_guest(world)
    greeter.send(type="vm", action="force-off")
    assert greeter.end(60) == 0
    world.assert_clean()


def test_a_reboot_of_the_guest_stays_in_the_session(world):
    greeter = start_guest(world)
    greeter.guest_says(b"berth guest up", nudge=b"r", pace=20)
    power_off(greeter)
    world.assert_clean()


def test_the_session_undoes_everything_when_the_greeter_dies(world):
    greeter = start_guest(world)
    lose_the_greeter(greeter)
    greeter.process.wait(60)
    world.assert_clean()


def test_sigterm_closes_the_session_cleanly(world):
    greeter = start_guest(world)
    os.kill(berth_session_pid(greeter), signal.SIGTERM)
    assert greeter.end(60) == 0
    world.assert_clean()


def test_a_silent_server_is_told_and_the_guest_goes_on(world):
    greeter = start_guest(world)
    world.server.do("pause")
    told = greeter.until("status", 40)
    assert "not answering" in told["text"] and told["stands"]
    assert greeter.texts("standing", "lines") == [[told["text"]]]
    world.server.do("resume")
    while "answers again" not in greeter.until("status", 40)["text"]:
        pass
    assert greeter.texts("standing", "lines") == [[told["text"]], []]
    greeter.guest_says(b"echo", nudge=b"e")
    power_off(greeter)
    world.assert_clean()


def test_the_sweeper_finishes_a_killed_session(world):
    greeter = start_guest(world)
    kill_session(berth_session_pid(greeter))
    greeter.close()
    assert world.processes() != []
    world.sweep()
    world.assert_clean()


def test_the_sweeper_finishes_after_everything_was_killed(world):
    greeter = start_guest(world)
    kill_all(world, greeter)
    assert world.locks() == ["lock.1"]
    world.sweep()
    world.assert_clean()


def test_a_logout_while_the_server_is_silent_is_finished_by_itself_when_it_answers(world):
    greeter = start_guest(world)
    world.server.do("pause")
    greeter.send(type="vm", action="force-off")
    assert greeter.end(180) == 1
    world.server.do("resume")
    assert world.locks() == ["lock.1"]
    wait_until(lambda: not list(world.state.iterdir()), 150)
    world.assert_clean()


def test_the_sweeper_leaves_a_living_session_alone(world):
    greeter = start_guest(world)
    world.sweep()
    greeter.guest_says(b"echo", nudge=b"e")
    power_off(greeter)
    world.assert_clean()


def lose_the_greeter(greeter):
    greeter.socket.close()
    greeter.socket = None
    greeter.console.close()
    greeter.console = None


def test_power_off_waits_for_the_session_of_a_greeter_that_died(world):
    greeter = start_guest(world)
    lose_the_greeter(greeter)
    assert berth_session_pid(greeter)
    settle = world.settle()
    wait_until(lambda: (world.folder / "going-down").exists() or settle.poll() is not None)
    assert "closed and saved" in (world.folder / "going-down").read_text()
    assert settle.wait(120) == 0
    assert not (world.folder / "going-down").exists()
    world.assert_clean()
    greeter.process.wait(60)


def test_power_off_asks_a_living_session_to_close_and_waits_for_it(world):
    greeter = start_guest(world)
    settle = world.settle()
    assert greeter.end(60) == 0
    assert any("Asking" in t for t in greeter.texts("status")), greeter.shown
    assert settle.wait(60) == 0
    world.assert_clean()


def test_power_off_finishes_a_killed_session_itself(world):
    greeter = start_guest(world)
    os.kill(berth_session_pid(greeter), signal.SIGKILL)
    greeter.close()
    assert world.processes() != []
    assert world.settle().wait(120) == 0
    world.assert_clean()


def test_power_off_does_not_wait_for_a_lock_that_only_a_silent_server_keeps(world):
    greeter = start_guest(world)
    os.kill(berth_session_pid(greeter), signal.SIGKILL)
    greeter.close()
    world.server.do("pause")
    assert world.settle().wait(120) == 0
    assert world.processes() == []
    world.server.do("resume")
    assert world.locks() == ["lock.1"]
    world.sweep()
    world.assert_clean()


def test_a_login_finishes_the_killed_session_of_the_same_vm_itself(world):
    greeter = start_guest(world, "s1")
    kill_all(world, greeter)
    again = start_guest(world, "s2")
    assert any("Finishing the last session" in t for t in again.texts("progress"))
    assert world.locks() == ["lock.2"]
    power_off(again)
    assert world.last_used()[0] == 2
    world.assert_clean()


def test_a_killed_volume_engine_ends_the_session_with_its_reason(world):
    greeter = start_guest(world)
    volume = json.loads((world.state / "s1.json").read_text())["volume_pid"]
    subprocess.run(world.libvirt.enter("kill", "-9", str(volume)), check=True)
    assert greeter.end(60) == 1
    assert any("BERTH-V30" in t for t in greeter.texts("message")), greeter.shown
    # What it had sent may still be under way: the sweeper gives the lock back.
    wait_until(lambda: not list(world.state.glob("*")))
    world.assert_clean()


@contextlib.contextmanager
def hanging_libvirtd(world):
    world.libvirt.signal("STOP")
    try:
        yield
    finally:
        world.libvirt.signal("CONT")


SOON = ("--libvirt-seconds", "3")


def test_a_hanging_libvirtd_at_the_start_is_told_and_leaves_nothing(world):
    with hanging_libvirtd(world):
        greeter = world.log_in(options=SOON)
        assert greeter.end(90) == 1
        assert any("BERTH-H02" in t for t in greeter.texts("message")), greeter.shown
        assert world.locks() == []
    world.assert_clean()


def test_a_guest_runs_on_while_libvirtd_hangs(world):
    greeter = start_guest(world, options=SOON)
    with hanging_libvirtd(world):
        while "BERTH-H02" not in greeter.until("status", 60)["text"]:
            pass
        greeter.guest_says(b"echo", nudge=b"e")
    while "answers again" not in greeter.until("status", 60)["text"]:
        pass
    power_off(greeter)
    world.assert_clean()


def test_a_guest_that_a_hanging_libvirtd_cannot_end_is_left_to_the_sweeper(world):
    greeter = start_guest(world, options=SOON)
    with hanging_libvirtd(world):
        greeter.send(type="vm", action="force-off")
        assert greeter.end(120) == 1
        assert any("BERTH-H30" in t for t in greeter.texts("message")), greeter.shown
        assert "console-end" in [b["type"] for b in greeter.shown]
        # Not called clean while the guest may run.
        assert world.locks() == ["lock.1"]
        assert (world.state / "s1.json").exists()
    # The session started the sweeper.
    wait_until(lambda: not list(world.state.iterdir()), 150)
    world.assert_clean()


def test_a_guest_that_is_closed_while_libvirtd_hangs_is_left_to_the_sweeper(world):
    greeter = start_guest(world, options=SOON)
    with hanging_libvirtd(world):
        # The guest ends, but QEMU keeps it until libvirt has seen that; only libvirt can tell.
        greeter.console.sendall(b"q")
        greeter.send(type="vm", action="close")
        assert greeter.end(120) == 1
        assert any("BERTH-H02" in t for t in greeter.texts("message")), greeter.shown
        assert (world.state / "s1.json").exists()
    wait_until(lambda: not list(world.state.iterdir()), 150)
    world.assert_clean()


@pytest.mark.parametrize("function", ["auth", "account", "setcred", "open"])
def test_a_pam_module_that_never_returns_ends_the_login(world, function):
    script = f"{function} hang\n"
    world.pam(script if function == "auth" else "auth conv 1\noff Password: =geheim\n" + script)
    world.configure("[pam]\nlimit_seconds = 2\n")
    greeter = world.log_in()
    assert greeter.end(60) == 1
    assert any("BERTH-L04" in t and "no answer in time" in t for t in greeter.texts("message")), greeter.shown
    assert world.names() == ["machine.toml", "software.raw"]
    assert not list(world.state.glob("*.json"))


def test_the_time_in_which_the_user_types_is_not_pams(world):
    world.configure("[pam]\nlimit_seconds = 1\n")
    greeter = world.log_in(answers=[])
    question = greeter.until("prompt", answer=False)
    time.sleep(2)
    greeter.send(type="answer", id=question["id"], text="geheim")
    greeter.until("console", 90)
    greeter.guest_says(b"berth guest up")
    power_off(greeter)
    world.assert_clean()


def test_a_pam_module_that_never_closes_its_session_is_told_and_the_rest_is_finished(world):
    world.pam("auth conv 1\noff Password: =geheim\nclose hang\n")
    world.configure("[pam]\nlimit_seconds = 2\n")
    greeter = start_guest(world)
    assert greeter.end(90, nudge=b"q") == 1
    assert any("BERTH-L04" in t for t in greeter.texts("message")), greeter.shown
    assert "console-end" in [b["type"] for b in greeter.shown]
    assert world.locks() == []
    # The sweeper takes the record away.
    wait_until(lambda: not list(world.state.iterdir()), 90)
    world.assert_clean()


def test_qemus_group_can_put_nothing_into_the_sessions_folder(world):
    greeter = start_guest(world)
    run = world.run / "s1"
    assert stat.S_IMODE(run.stat().st_mode) == 0o2710

    def as_qemu(*command):
        return subprocess.run(world.libvirt.enter("setpriv", "--reuid=libvirt-qemu", "--regid=libvirt-qemu", "--clear-groups", *command),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    names = sorted(p.name for p in run.iterdir())
    for command in (("touch", run / "planted"), ("rm", "-f", run / "nbd.sock"), ("mv", run / "volume.json", run / "nvram"), ("ls", run)):
        done = as_qemu(*command)
        assert done.returncode != 0 and "Permission denied" in done.stdout, done
    assert sorted(p.name for p in run.iterdir()) == names
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    assert as_qemu("/usr/bin/python3", "-c", connect, run / "nbd.sock").returncode == 0
    assert "PermissionError" in as_qemu("/usr/bin/python3", "-c", connect, run / "control.sock").stdout
    power_off(greeter)
    world.assert_clean()


def test_a_copy_of_a_vm_is_refused_while_this_workstation_runs_the_other(world):
    world.add_vm("play", 1)
    first = start_guest(world, "s1", choices=[1])
    second = world.log_in("s2", choices=[0])
    assert second.end() == 1
    assert any("BERTH-H03" in t and '"work" with the same uuid' in t for t in second.texts("message")), second.shown
    assert world.locks("play") == []
    assert world.locks("work") == ["lock.1"]
    first.guest_says(b"echo", nudge=b"e")
    power_off(first)
    power_off(start_guest(world, "s3", choices=[0]))
    world.assert_clean(vm="play")


def firmware_of(world):
    return {name: (world.user / "work" / name).read_bytes() for name in ("nvram", "tpm.state")}


def certificates(state):
    """Those of a TPM's keys, X.509 in DER, as they stand in swtpm's state."""
    found, at = [], state.find(b"\x30\x82")
    while at >= 0:
        end = at + 4 + int.from_bytes(state[at + 2:at + 4], "big")
        whole = end - at > 400 and end <= len(state) and state[at + 4:at + 6] == b"\x30\x82"
        found += [state[at:end]] if whole else []
        at = state.find(b"\x30\x82", end if whole else at + 1)
    return found


def run_firmware(world, session):
    """A session whose guest is only its firmware, until that found nothing to start."""
    greeter = world.log_in(session)
    greeter.until("console", 120)
    greeter.guest_says(b"BdsDxe", 240)
    # By now the firmware has changed its variables: it says this only afterwards.
    local = (world.run / session / "nvram").read_bytes()
    greeter.send(type="vm", action="force-off")
    assert greeter.end(120) == 0
    world.assert_clean()
    return local


def test_firmware_variables_and_tpm_state_live_with_the_vm_from_session_to_session(world):
    machine = world.user / "work" / "machine.toml"
    text = machine.read_text().replace("64 MiB", "128 MiB", 1)
    machine.write_text(text.replace("[network]", sessionworld.UEFI + "[network]", 1))
    assert world.names() == ["machine.toml", "software.raw"]
    run_firmware(world, "s1")
    made = firmware_of(world)
    template = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes()
    # Without the guest's doing the firmware wrote boot entries and swtpm the seeds of a new TPM.
    assert len(made["nvram"]) == len(template) and made["nvram"] != template
    assert len(made["tpm.state"]) > 1000
    assert [p.stat().st_uid for p in (world.user / "work").iterdir() if p.name in made] == [sessionworld.UID] * 2

    # A mark in unused flash: the next session must start from these very bytes, and bring them back.
    mark = b"carried by the session"
    assert made["nvram"].endswith(b"\xff" * len(mark))
    (world.user / "work" / "nvram").write_bytes(made["nvram"][:-len(mark)] + mark)
    local = run_firmware(world, "s2")
    assert local.endswith(mark)
    after = firmware_of(world)
    assert after["nvram"].endswith(mark)
    # A TPM made anew has other keys, so other certificates of them.
    assert certificates(made["tpm.state"]) != []
    assert certificates(after["tpm.state"]) == certificates(made["tpm.state"])
    assert world.last_used()[0] == 2
    assert subprocess.run(world.libvirt.enter("find", "/var/lib/libvirt/swtpm", "-mindepth", "1"), check=True,
                          stdout=subprocess.PIPE).stdout == b""
