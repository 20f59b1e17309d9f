# SPDX-License-Identifier: GPL-3.0-or-later
"""berthctl(1) on the database that a running provisioner uses."""
import json
import os
import pty
import re
import subprocess

from printed import HOSTILE, steers
from processes import run

MAC = "52:54:00:00:00:01"


def test_a_machine_is_found_by_id_name_and_mac(provisioner):
    assert provisioner.ctl("machine", "add", "--mac", MAC, "--name", "desk").stdout == "m-0001  desk\n"
    for word in ("m-0001", "desk", "52-54-00-00-00-01", "525400000001"):
        assert provisioner.ctl("machine", "show", word).stdout.startswith("id: m-0001\nname: desk\n")
    done = provisioner.ctl("machine", "show", "des", check=False)
    assert done.returncode == 1 and "BERTH-P02" in done.stderr and "no id, name or MAC" in done.stderr


def test_set_shows_the_diff_and_the_next_boot_follows(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC, "--keymap", "de")
    assert b"kernel " in provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2]
    done = provisioner.ctl("machine", "set", "-y", "m-0001", "--mode", "local", "--keymap", "fr", "--time-zone", "Europe/Berlin")
    assert done.stdout == "-keymap: de\n+mode: local\n+keymap: fr\n+time-zone: Europe/Berlin\n"
    assert b"kernel " not in provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2]
    assert "nothing changed" in provisioner.ctl("machine", "set", "-y", "m-0001", "--mode", "local").stdout
    assert provisioner.ctl("machine", "set", "-y", "m-0001", "--keymap", "").stdout == "-keymap: fr\n"


def on_a_terminal(provisioner, answer, *arguments):
    ours, theirs = pty.openpty()
    child = subprocess.Popen([provisioner.build / "bin/berthctl", "--database", provisioner.database, *arguments], stdin=theirs,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.close(theirs)
    os.write(ours, answer)
    text, _ = child.communicate(timeout=30)
    os.close(ours)
    assert child.returncode == 0
    return text


def test_on_a_terminal_it_asks_first(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    assert "Change it? [y/N]" in on_a_terminal(provisioner, b"n\n", "machine", "set", "m-0001", "--mode", "local")
    assert provisioner.machines()[0]["mode"] == "network"
    on_a_terminal(provisioner, b"y\n", "machine", "set", "m-0001", "--mode", "local")
    assert provisioner.machines()[0]["mode"] == "local"
    assert "Change it?" not in on_a_terminal(provisioner, b"", "machine", "set", "m-0001", "--mode", "network", "--yes")
    on_a_terminal(provisioner, b"n\n", "machine", "remove", "m-0001")
    assert len(provisioner.machines()) == 1


def test_without_a_terminal_it_changes_nothing_unless_y_is_given(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    for arguments in (("machine", "set", MAC, "--mode", "local"), ("machine", "replace", MAC, "--mac", "52:54:00:00:00:02"), ("machine", "remove", MAC),
                      ("policy", "set", "--unknown", "discover")):
        done = provisioner.ctl(*arguments, check=False, input="y\n")
        assert done.returncode == 1 and "BERTH-P06" in done.stderr and "-y must be given" in done.stderr, arguments
        assert done.stdout == ""
    assert provisioner.machines()[0]["mode"] == "network"
    assert "nothing changed" in provisioner.ctl("machine", "set", MAC, "--name", "berth-525400000001").stdout, "nothing is asked where nothing changes"


def test_remove_forgets_the_machine(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC, "--name", "desk")
    assert "-name: desk\n" in provisioner.ctl("machine", "remove", "-y", "desk").stdout
    assert provisioner.machines() == []


def test_wrong_values_name_their_range_and_change_nothing(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    for option, value, text in (("--mode", "x", "must be network, local or install"), ("--console", "ttyS0 init=/bin/sh", "must be tty1"),
                                ("--nfs-port", "65536", "0 (ask the port mapper) to 65535"), ("--name", "A b", "must be 1 to 63"),
                                ("--mac", "1", "six hex pairs"), ("--uuid", "1", "8-4-4-4-12"), ("--shared", "x", "host:/absolute/path")):
        done = provisioner.ctl("machine", "set", "-y", "m-0001", option, value, check=False)
        assert done.returncode == 1 and "BERTH-P06" in done.stderr and text in done.stderr, done.stderr
    done = provisioner.ctl("machine", "add", "--mac", MAC, check=False)
    assert done.returncode == 1 and f"MAC {MAC} is m-0001's" in done.stderr
    done = provisioner.ctl("machine", "add", "--name", "a", check=False)
    assert done.returncode == 1 and "must have a MAC, or a UUID and a serial number" in done.stderr
    assert provisioner.machines()[0]["settings"] == {}


def test_what_berthctl_accepts_the_record_says_and_the_rest_stops_no_workstation(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    token = provisioner.boot()

    def record():
        status, _, body = provisioner.curl("/v1/machines/m-0001/record", "-H", f"Berth-Boot: {token}")
        assert status == 200
        return json.loads(body)

    for option, value in (("--nfs-server", "fs1.."), ("--time-zone", "Europe//Berlin"), ("--keymap", "-de"), ("--shared", "fd00::1:/path")):
        done = provisioner.ctl("machine", "set", "-y", "m-0001", f"{option}={value}", check=False)
        assert done.returncode == 1 and "BERTH-P06" in done.stderr, done.stderr
    provisioner.ctl("machine", "set", "-y", "m-0001", "--ntp", "[fd00::1],fs1.", "--nfs-server", "[fd00::2]", "--shared", "[fd00::3]:/path")
    assert record()["ntp"] == ["fd00::1", "fs1."]
    assert record()["nfs"] == {"server": "fd00::2", "shared": "[fd00::3]:/path"}
    # What an older version stored.
    run("sqlite3", provisioner.database, """UPDATE machines SET settings = '{"keymap":"-de","ntp":"[fd00::1]","nfs_server":"fs1.."}'""")
    assert record()["ntp"] == ["fd00::1"] and "keymap" not in record()
    assert list(record()["nfs"]) == ["unusable"] and 'nfs-server "fs1.."' in record()["nfs"]["unusable"]
    assert "network (not valid: keymap, nfs-server)" in provisioner.ctl("machine", "list").stdout
    assert provisioner.machines()[0]["settings_not_valid"] == {"keymap": "-de", "nfs_server": "fs1.."}
    assert provisioner.ctl("machine", "set", "-y", "m-0001", "--nfs-server", "fs1", "--keymap", "").stdout.count("(not valid, left out: must be ") == 2
    assert record()["nfs"] == {"server": "fs1"}
    assert "not valid" not in provisioner.ctl("machine", "list").stdout


def test_remaking_the_data_partition_is_asked_for_until_the_machine_did_it(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC, "--data", "auto")
    done = provisioner.ctl("machine", "set", "-y", "m-0001", "--data", "remake").stdout
    word = re.fullmatch(r"-data: auto\n\+data: (remake-[0-9a-f]{8})\n", done).group(1)
    again = provisioner.ctl("machine", "set", "-y", "m-0001", "--data", "remake").stdout
    assert word not in again.splitlines()[1], "a second request is another one"
    word = again.split()[-1]
    token = provisioner.boot(MAC)

    def record():
        return json.loads(provisioner.curl("/v1/machines/m-0001/record", "-H", f"Berth-Boot: {token}")[2])["data"]

    def post(**data):
        body = json.dumps({"facts": {"data": data}})
        assert provisioner.curl("/v1/machines/m-0001/status", "-H", f"Berth-Boot: {token}", "--data-binary", body)[0] == 204

    assert record() == word
    post(kind="memory", why="/dev/sda1: fsck.ext4 ended with code 4")
    assert "data: memory (/dev/sda1: fsck.ext4 ended with code 4)\n" in provisioner.ctl("machine", "show", "m-0001").stdout
    assert record() == word
    post(kind="persistent", remade=word, why="made anew, which took away the state of 1 unfinished session: s1")
    assert record() == "auto"
    assert "data: persistent (made anew, which took away the state of 1 unfinished session: s1)\n" in provisioner.ctl("machine", "show", "m-0001").stdout
    refused = provisioner.ctl("policy", "set", "-y", "--data", "remake", check=False)
    assert refused.returncode == 1 and "must be set for one machine" in refused.stderr


def test_policy_discover_lists_disabled_and_enabling_lets_it_run(provisioner):
    assert provisioner.ctl("policy", "set", "-y", "--unknown", "discover", "--image", "school").stdout == "-unknown: local\n+unknown: discover\n+image: school\n"
    assert json.loads(provisioner.ctl("policy", "show", "--json").stdout) == {"unknown": "discover", "defaults": {"image": "school"}}
    assert b"not enabled" not in provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2]
    assert "network (disabled)" in provisioner.ctl("machine", "list").stdout
    assert b"not enabled" in provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2]
    provisioner.ctl("machine", "set", "-y", MAC, "--enabled", "yes")
    assert b"/images/school/vmlinuz" in provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2]


def test_mode_install_never_installs(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC, "--mode", "install")
    assert provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2].endswith(b"not marked for installation\nexit 1\n")
    provisioner.ctl("machine", "set", "-y", MAC, "--marked", "yes")
    script = provisioner.curl(f"/v1/boot?mac={MAC}&platform=efi")[2]
    assert b"this release does not do" in script and b"kernel" not in script


def test_what_machines_say_of_themselves_steers_no_terminal(provisioner):
    """A status post needs a token that any machine of the network gets; what it says is shown to administrators."""
    provisioner.ctl("machine", "add", "--mac", MAC, "--name", "desk")
    token = provisioner.boot()

    def printed(*arguments):
        done = subprocess.run([provisioner.build / "bin/berthctl", "--database", provisioner.database, *arguments], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def all_that_is_printed():
        for arguments in (("machine", "list"), ("machine", "show", "desk"), ("vm", "list", "--running"), ("policy", "show")):
            text = printed(*arguments)
            assert steers(text) == [] and b"\nroot" not in text, arguments
            whole = printed(*arguments, "--json")
            assert steers(whole) == [], arguments
            json.loads(whole)

    for name in HOSTILE:
        text = name.decode(errors="replace")
        post = provisioner.folder / "post"
        post.write_text(json.dumps({"boot_id": text, "stage": "prompt", "error": text, "session": {"user": text, "vm": text, "since": text}, "facts": {
            "cpu": text, "disks": [{"name": text, "bytes": 1}], "nics": [{"mac": MAC, "driver": text}], "kvm": {"usable": False, "why": text},
            "left_out": [text]}}, ensure_ascii=False))
        status, _, _ = provisioner.curl("/v1/machines/m-0001/status", "-H", f"Berth-Boot: {token}", "--data-binary", f"@{post}")
        assert status == 204
        all_that_is_printed()
    # What an older version stored, or who may write the database.
    for name in HOSTILE:
        if b"\n" in name:
            continue
        value = name.hex()
        run("sqlite3", provisioner.database, f"UPDATE machines SET name = CAST(x'{value}' AS TEXT), error = CAST(x'{value}' AS TEXT), platform = CAST(x'{value}' AS TEXT), "
            f"""settings = '{{"keymap":"' || CAST(x'{b''.join(bytes([b]) for b in name if b >= 32).hex()}' AS TEXT) || '"}}'""")
        text = printed("machine", "list") + printed("machine", "show", "m-0001")
        assert steers(text) == [], name
        assert steers(printed("machine", "list", "--json")) == [], name
