# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine asks (docs/architecture.md): cards that travel, boards that say alike, two that ask at once, and an admin who sorts it out."""
import concurrent.futures
import json
import re
import urllib.request

from processes import wait_until

MAC, DOCK = "52:54:00:00:00:01", "52:54:00:00:00:0d"
ONE = "&uuid=11111111-aaaa-4000-8000-0123456789ab&serial=SN-ONE"
TWO = "&uuid=22222222-bbbb-4000-8000-0123456789ab&serial=SN-TWO"


def boot(provisioner, mac, board=""):
    """The script, and whose record and token it carries."""
    with urllib.request.urlopen(f"{provisioner.url}/v1/boot?mac={mac}{board}&platform=efi", timeout=30) as answer:
        script = answer.read().decode()
    found = re.search(r"berth\.machine=(\S+) berth\.boot=([0-9a-f]{32}) ", script)
    return script, *(found.groups() if found else ("", ""))


def shown(provisioner, word="m-0001"):
    return json.loads(provisioner.ctl("machine", "show", word, "--json").stdout)


def test_a_second_machine_with_the_mac_of_the_first_gets_nothing_of_it(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC, "--name", "desk")
    _, machine, token = boot(provisioner, MAC, ONE)
    assert machine == "m-0001"
    provisioner.curl("/v1/machines/m-0001/state/s1", "-H", f"Berth-Boot: {token}", "-X", "PUT", "-d", "{}")
    script, machine, token = boot(provisioner, MAC, TWO)
    assert (machine, token) == ("", "") and "recorded for another machine" in script and script.endswith("exit 1\n")
    wait_until(lambda: shown(provisioner)["conflicts"], 10, "the conflict")
    conflict, = shown(provisioner)["conflicts"]
    assert (conflict["mac"], conflict["serial"], conflict["times"]) == (MAC, "SN-TWO", 1)
    text = provisioner.ctl("machine", "list").stdout
    assert "Conflicts: another machine" in text and "SN-TWO" in text
    assert "serial SN-TWO, 1 times" in provisioner.ctl("machine", "show", "desk").stdout
    assert boot(provisioner, MAC, ONE)[1] == "m-0001"


def test_two_machines_with_one_mac_that_ask_at_once_are_not_one(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda board: (board, boot(provisioner, MAC, board)[1]), [ONE, TWO] * 8))
    first = {board for board, machine in answers if machine}
    assert len(first) == 1, f"one of them was first, and it alone has the record: {answers}"


def test_unknown_machines_that_ask_at_once_with_one_card_become_two_records(provisioner):
    provisioner.ctl("policy", "set", "--unknown", "enrol", "--yes")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda board: (board, boot(provisioner, DOCK, board)[1]), [ONE, TWO] * 4))
    assert len(answers) == 2 and {machine for _, machine in answers} == {"m-0001", "m-0002"}
    assert sorted(m["serial"] for m in provisioner.machines()) == ["SN-ONE", "SN-TWO"]
    assert sum(len(m["macs"]) for m in provisioner.machines()) == 1


def test_boards_that_say_alike_are_told_apart(provisioner):
    provisioner.ctl("policy", "set", "--unknown", "enrol", "--yes")
    alike = "&uuid=03000200-0400-0500-0006-000700080009&serial=To%20be%20filled%20by%20O.E.M."
    assert [boot(provisioner, f"52:54:00:00:00:0{n}", alike)[1] for n in (1, 2, 3)] == ["m-0001", "m-0002", "m-0003"]
    assert all(m["uuid"] == m["serial"] == "" for m in provisioner.machines())


def test_a_dock_that_travels_changes_nobodys_record(provisioner):
    for name, mac in (("one", MAC), ("two", "52:54:00:00:00:02")):
        provisioner.ctl("machine", "add", "--mac", mac, "--name", name)
    assert boot(provisioner, MAC, ONE)[1] == "m-0001"
    assert boot(provisioner, "52:54:00:00:00:02", TWO)[1] == "m-0002"
    assert boot(provisioner, DOCK, ONE)[1] == "m-0001", "a new card of a known board"
    assert boot(provisioner, DOCK, TWO)[1] == "m-0002", "the same card, on the other board"
    assert [m["macs"] for m in provisioner.machines()] == [[MAC, DOCK], ["52:54:00:00:00:02"]]


def test_replace_moves_a_record_to_the_hardware_that_discover_listed(provisioner):
    provisioner.ctl("policy", "set", "--unknown", "discover", "--yes")
    provisioner.ctl("machine", "add", "--mac", MAC, "--name", "desk", "--keymap", "de")
    _, _, token = boot(provisioner, MAC, ONE)
    boot(provisioner, DOCK, TWO)
    done = provisioner.ctl("machine", "replace", "-y", "desk", DOCK)
    assert f"-mac: {MAC}\n" in done.stdout and f"+mac: {DOCK}\n" in done.stdout and "-machine: m-0002 " in done.stdout
    assert len(provisioner.machines()) == 1
    assert boot(provisioner, DOCK, TWO)[1] == "m-0001" and shown(provisioner)["settings"] == {"keymap": "de"}
    assert provisioner.curl("/v1/machines/m-0001/record", "-H", f"Berth-Boot: {token}")[0] == 403
    assert "not enabled" not in boot(provisioner, MAC, ONE)[0], "the old hardware is an unknown machine"


def test_replace_takes_what_a_conflict_says(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    boot(provisioner, MAC, ONE)
    boot(provisioner, MAC, TWO)  # its board was exchanged, its card stays
    wait_until(lambda: shown(provisioner)["conflicts"], 10, "the conflict")
    provisioner.ctl("machine", "replace", "-y", "m-0001", "--mac", MAC, "--serial", "SN-TWO")
    assert shown(provisioner)["conflicts"] == []
    assert boot(provisioner, MAC, TWO)[1] == "m-0001"
    assert shown(provisioner)["uuid"].startswith("22222222")
    for options, text in ((["m-0001", "m-0001"], "another one"), (["m-0001", "--uuid", "00000000-0000-0000-0000-000000000000", "--mac", MAC], "no other machine"),
                          (["m-0001"], "must have a MAC")):
        done = provisioner.ctl("machine", "replace", "-y", *options, check=False)
        assert done.returncode == 1 and "BERTH-P06" in done.stderr and text in done.stderr, done.stderr
