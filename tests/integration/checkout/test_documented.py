# SPDX-License-Identifier: GPL-3.0-or-later
"""What people can write or call is in the manual pages (docs/how-to-add.md): keys of machine.toml and berth.toml, berthctl's commands and options, and
the provisioner's addresses. Steps and error codes have tests of their own."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
MAN = ROOT / "docs/man"


def code(path):
    return re.sub(r"//.*", "", (ROOT / path).read_text())


def items(page):
    """The names that a manual page explains: .It Ic key, .It Fl option , Fl option, .Cm word."""
    text = (MAN / page).read_text().replace("\\-", "-")
    return {name for line in text.splitlines() if line.startswith(".It Ic ") for name in re.findall(r"[a-z_]+", line[7:])}


def missing_keys(source, page):
    return sorted(source - items(page))


def machine_keys():
    tables = re.findall(r'TomlTable table\(source, (?:"[^"]*"|fmt::format\([^)]*\)),\s*\{([^}]*)\}', code("guest/machine_config.cpp"))
    assert len(tables) == 3
    # Where the tables stand in the file: "network" and "disk" have a heading of their own.
    return {key for table in tables for key in re.findall(r'"([a-z_]+)"', table)} - {"network", "disk"}


def site_keys():
    source = code("greeter/session/client_config.cpp")
    return {key for _, key in re.findall(r'\br\.\w+\(\s*"([a-z]+)",\s*"([a-z_]+)"', source)}


def test_every_key_of_machine_toml_is_in_its_manual_page():
    assert "memory" in machine_keys() and "volume_id" in machine_keys()
    assert missing_keys(machine_keys(), "machine.toml.5") == []


def test_every_key_of_berth_toml_is_in_its_manual_page():
    assert {"method", "break", "template"} <= site_keys()
    assert missing_keys(site_keys(), "berth.toml.5") == []


def help_of(program, *words):
    return subprocess.run([program, *words, "--help"], text=True, check=True, stdout=subprocess.PIPE).stdout


def subcommands(text):
    part = re.split(r"(?m)^\S*subcommands?:\s*$", text, flags=re.I)
    return re.findall(r"(?m)^  ([a-z][a-z-]*)\b", part[-1]) if len(part) > 1 else []


def options(text):
    # Those of laboratories are not for administrators.
    return set(re.findall(r"(?m)^  (?:-\w,\s*)?(?:--\w+,)*--([a-z-]+)", text)) - {"help", "lock-times-ms"}


def commands(program):
    """Each command's words with its options."""
    found = {}
    for first in subcommands(help_of(program)):
        verbs = subcommands(help_of(program, first))
        for words in [(first, verb) for verb in verbs] or [(first,)]:
            found[words] = options(help_of(program, *words))
    return found


def test_every_command_and_option_of_berthctl_is_in_its_manual_page(build):
    page = (MAN / "berthctl.1").read_text().replace("\\-", "-")
    flags = set(re.findall(r"(?:Fl|,) -([a-z-]+)", page))
    found = commands(build / "bin/berthctl")
    assert ("machine", "replace") in found and ("vm", "clone") in found and ("dnsmasq",) in found
    assert sorted(" ".join(words) for words in found if not re.search(r"(?m)^\.Cm " + " ".join(words) + r"\b", page)) == []
    assert sorted({f"{' '.join(words)} --{option}" for words, wanted in found.items() for option in wanted - flags}) == []


def test_every_word_of_the_provisioners_addresses_is_in_the_architecture():
    words = set(re.findall(r'\bis\(\d, "([a-z0-9.]+)"\)|\bwhat == "([a-z]+)"', code("server/api/service.cpp")))
    words = {word for pair in words for word in pair if word}
    assert {"boot", "machines", "images", "metrics", "state", "record"} <= words
    table = "\n".join(line for line in (ROOT / "docs/architecture.md").read_text().splitlines() if line.startswith("| `"))
    assert sorted(word for word in words if not re.search(r"[/ ]" + re.escape(word) + r"\b", table)) == []
