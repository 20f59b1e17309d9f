# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/error-codes.md is made from base/error_codes.def: `python3 tests/integration/checkout/test_error_codes.py --write` makes it anew."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
TABLE, PAGE = ROOT / "base/error_codes.def", ROOT / "docs/error-codes.md"
ROW = re.compile(r'^BERTH_ERROR\(([A-Z])(\d\d), [a-z_]+, "((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)$')
# A letter, its subject, and where an administrator looks first.
SECTIONS = {
    "L": ("Login", "The workstation's journal (`berth-session`, PAM), then the directory service."),
    "M": ("The user's files", "The file server's export, rights, quota and free space; `berthctl vm check USER/VM` looks at all of them."),
    "K": ("Who uses a virtual machine", "`berthctl vm list --running --server HOST:/PATH` shows who holds which lock."),
    "C": ("machine.toml", "`berthctl vm check USER/VM` names the line; machine.toml(5) describes each key."),
    "S": ("Swap disks", "The workstation's data partition (`berthctl machine show`), or `[[disk]]` with role swap in machine.toml."),
    "V": ("Disks of a running virtual machine", "The workstation's journal (`berth-volume`), then the file server."),
    "H": ("The virtual machine", "The workstation's journal (`libvirtd`, `berth-session`); whether KVM works is on `berthctl machine show`."),
    "G": ("Console and greeter", "The workstation's journal (`berth-greeter`)."),
    "B": ("Boot and images", "The provisioner's journal, `berthctl machine show`, and the workstation's screen while it boots."),
    "I": ("Inside a workstation", "The workstation's journal."),
    "P": ("Provisioner and berthctl", "The message itself; berthctl(1)."),
}


def rows():
    found = {letter: [] for letter in SECTIONS}
    for line in TABLE.read_text().splitlines():
        if not line.startswith("BERTH_ERROR("):
            continue
        match = ROW.match(line)
        assert match, line
        found[match[1]].append((match[1] + match[2], *(text.replace('\\"', '"') for text in match.groups()[2:])))
    return found


def page():
    lines = ["# Error codes", "",
             "Every message that a user or an administrator may meet. On the screen it reads `BERTH-M03: Your files are read-only: server fs1. Call the help",
             "desk.`: the code, what happened, what exactly (a server, a file, a value and its range), and what to do. A code keeps its meaning once it is",
             "released. This page is made from `base/error_codes.def`; a test compares them.", ""]
    for letter, codes in rows().items():
        subject, where = SECTIONS[letter]
        lines += [f"## {letter}: {subject}", "", f"Where to look: {where}", "", "| code | what happened | what to do |", "|---|---|---|"]
        lines += [f"| BERTH-{code} | {what} | {do} |" for code, what, do in codes] + [""]
    return "\n".join(lines)


def test_the_page_is_the_table():
    assert PAGE.read_text() == page(), "run python3 tests/integration/checkout/test_error_codes.py --write"


def test_every_code_is_on_the_page_once_and_sorted():
    for letter, codes in rows().items():
        assert codes and [code for code, *_ in codes] == sorted({code for code, *_ in codes}), letter


def test_every_sentence_is_one_that_can_be_read_out():
    for codes in rows().values():
        for code, what, do in codes:
            assert not what.endswith("."), f"{code}: the detail follows"
            assert do.endswith("."), code


def test_no_program_of_a_workstation_raises_a_code_of_the_provisioner_or_berthctl():
    raised = [f"{path.relative_to(ROOT)}: {code}" for folder in ("base", "net", "files", "lock", "guest", "volume", "greeter", "bootstrap")
              for path in (ROOT / folder).rglob("*") if path.suffix in (".cpp", ".h")
              for code in re.findall(r"ErrorCode::P\d\d", path.read_text())]
    assert not raised, raised


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(page())
