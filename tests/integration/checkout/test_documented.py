# SPDX-License-Identifier: GPL-3.0-or-later
"""What people can write or call is in the manual pages (docs/how-to-add.md): keys of machine.toml and berth.toml, berthctl's commands and options, and
the architecture page has the provisioner's addresses; and every step is in the matrix of ways out. Each command of berthctl has exactly the options that its synopsis has."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
MAN = ROOT / "docs/man"


def code(path):
    return re.sub(r"//.*", "", (ROOT / path).read_text())


def items(page):
    """The keys that a page of a file's format explains, by its table: .Ss or .It Sy heading, then .It Ic key."""
    found, table = {}, ""
    for line in (MAN / page).read_text().replace("\\-", "-").splitlines():
        if heading := re.match(r"\.Ss \W*([a-z]+)\W*$|\.(?:Ss|It Sy|Sy) \W*([a-z]+)\W*$", line):
            table = heading[1] or heading[2]
        elif line.startswith((".Ss", ".Sh")):
            table = ""
        elif line.startswith(".It Ic "):
            found.setdefault(table, set()).update(re.findall(r"[a-z_]+", line[7:]))
    return found


def machine_keys():
    source = code("guest/machine_config.cpp")
    tables = re.findall(r'TomlTable table\(source, (?:"([^"]*)"|fmt::format\("(\w+)[^)]*\)),\s*\{([^}]*)\}', source)
    found = {plain or made: set(re.findall(r'"([a-z_]+)"', keys)) for plain, made, keys in tables}
    assert set(found) == {"", "screen", "network", "disk"}
    # What has a heading of its own.
    found[""] -= {"screen", "network", "disk"}
    return found


def site_keys():
    found = {}
    for table, key in re.findall(r'\br\.\w+\(\s*"([a-z]+)",\s*"([a-z_]+)"', code("greeter/site/client_config.cpp")):
        found.setdefault(table, set()).add(key)
    return found


def missing_keys(wanted, page):
    explained = items(page)
    return sorted(f"{table}.{key}" for table, keys in wanted.items() for key in keys - explained.get(table, set()))


def test_every_key_of_machine_toml_is_in_its_manual_page():
    assert "memory" in machine_keys()[""] and "volume_id" in machine_keys()["disk"]
    assert missing_keys(machine_keys(), "machine.toml.5") == []
    assert missing_keys({"network": {"name"}}, "machine.toml.5") == ["network.name"], "a disk's key is none of a network"


def test_every_key_of_berth_toml_is_in_its_manual_page():
    assert {"locate", "shared", "lock", "pam", "vm", "attention"} == set(site_keys())
    assert missing_keys(site_keys(), "berth.toml.5") == []


def test_every_step_is_in_the_matrix_of_ways_out():
    sys.path.insert(0, str(ROOT / "tests/integration/session"))
    import ways_out
    # StepTable.is_the_one_in_the_architecture_page holds this table to the code.
    steps = re.findall(r"(?m)^\| \d+ \| (\w+) \| [^|]+ \| \d+ s \| (\d*) \|", code("docs/architecture.md"))
    assert len(steps) > 10
    assert list(ways_out.DO) == [name for name, _ in steps]
    assert list(ways_out.UNDO) == [name for name, place in sorted(steps, key=lambda s: int(s[1] or 0)) if place]


def help_of(program, *words):
    return subprocess.run([program, *words, "--help"], text=True, check=True, stdout=subprocess.PIPE).stdout


def subcommands(text):
    part = re.split(r"(?m)^\S*subcommands?:\s*$", text, flags=re.I)
    return re.findall(r"(?m)^  ([a-z][a-z-]*)\b", part[-1]) if len(part) > 1 else []


def options(text):
    """Each by its long name."""
    return set(re.findall(r"(?m)^  (?:-\w,\s*)?(?:--\w+,\s*)*--([a-z-]+)", text)) - {"help"}


def commands(program):
    """Each command's words with its options; () has those of all commands."""
    found = {(): options(help_of(program))}
    for first in subcommands(help_of(program)):
        verbs = subcommands(help_of(program, first))
        for words in [(first, verb) for verb in verbs] or [(first,)]:
            found[words] = options(help_of(program, *words))
    return found


# Where a command's own options are explained.
SECTIONS = {"machine": "Machines", "policy": "Policy", "image": "Images", "vm": "Virtual machines", "dnsmasq": "Network", "boot-script": "Network"}
LONG = {"y": "yes"}


def flags(text):
    """The options that a piece of the page names, short ones by their long names."""
    found = re.findall(r"\bFl ((?:-?[a-z][a-z-]*)(?: , -[a-z][a-z-]*)*)", text)
    return {LONG.get(flag.strip(), flag.strip().removeprefix("-")) for group in found for flag in group.split(",")}


def synopsis(page):
    """Each command's words with the options that its synopsis has, the lists that it refers to included; and those that it has itself."""
    lists = {name: flags("\n".join(line for line in text.splitlines() if line.startswith(".It")))
             for name, text in re.findall(r"\.Ar (\w+)\nstands for:\n\.Bl [^\n]*\n(.*?)\n\.El", page, re.S)}
    whole, own = {}, {}
    for entry in page[page.index(".Sh SYNOPSIS"):page.index(".Sh DESCRIPTION")].split(".Nm\n")[1:]:
        named = re.search(r"(?m)^\.Cm ([a-z -]+)$", entry)
        words = tuple(named[1].split()) if named else ()
        own.setdefault(words, set()).update(flags(entry))
        groups = [lists[name] for name in re.findall(r"\bAr (\w+)\b", entry) if name in lists]
        whole.setdefault(words, set()).update(own[words].union(*groups))
    return whole, own, lists


def manual_page():
    return (MAN / "berthctl.1").read_text().replace("\\-", "-")


def test_every_command_of_berthctl_has_exactly_the_options_of_its_manual_page(build):
    found, (whole, _, lists) = commands(build / "bin/berthctl"), synopsis(manual_page())
    assert ("machine", "replace") in found and ("vm", "clone") in found and ("dnsmasq",) in found and "json" in found[()]
    assert set(lists) == {"property", "setting", "place", "hardware"} and "nfs-server" in lists["setting"]
    assert sorted(whole) == sorted(found)
    assert {words: sorted(whole[words] ^ found[words]) for words in found if whole[words] != found[words]} == {}


def unexplained(page):
    _, own, _ = synopsis(page)
    description = page[page.index(".Sh DESCRIPTION"):page.index(".Sh EXIT STATUS")]
    general, *sections = re.split(r"(?m)^\.Ss ", description)
    section = {title: flags(text) for title, _, text in (part.partition("\n") for part in sections)}
    return sorted(" ".join(words) + " --" + option for words, wanted in own.items()
                  for option in wanted - flags(general) - (section[SECTIONS[words[0]]] if words else set()))


def test_every_option_of_a_command_is_explained_where_that_command_is():
    page = manual_page()
    assert unexplained(page) == []
    assert unexplained(page.replace(".It Fl -name Ar name\nWhat it is called", ".It\nWhat it is called")) == ["image add --name"], \
        "that another command has an option of that name does not count"


def verb_file(words):
    return "_".join(words).replace("-", "_")


def test_every_command_of_berthctl_is_a_file_with_tests_beside_it(build):
    """A verb that is not in server/ctl/verbs.cpp is not a command; a file that CMake does not know is not linked."""
    listed = (ROOT / "server/CMakeLists.txt").read_text()
    wanted = {verb_file(words) for words in commands(build / "bin/berthctl") if words}
    there = {path.stem: path for path in (ROOT / "server/ctl").glob("*/*.cpp")}
    verbs = {name for name, path in there.items() if "final : public Verb" in path.read_text()}
    assert verbs == wanted
    assert [name for name in sorted(wanted) if f"{there[name].parent.name}/{name}_test.cpp" not in listed or not there[name].with_name(name + "_test.cpp").is_file()] == []


def routes():
    """The rows of the route table: method, path."""
    rows = re.findall(r'\{"([A-Z, ]+)", "(/[^"]*)", Listener::(?:boot|admin)\b', code("server/api/routes.cpp"))
    assert len(rows) == code("server/api/routes.cpp").count("Listener::boot, to(") + code("server/api/routes.cpp").count("Listener::admin, to(")
    return {(method, re.sub(r"\{(\w+)\}", lambda part: part[1].upper(), path)) for methods, path in rows for method in methods.split(", ")}


def documented_routes(page):
    section = page[page.index("## Provisioner: HTTP"):]
    rows = re.findall(r"(?m)^\| `([A-Z|\\]+) (/[^`? ]*)`", section[:section.index("\n\n")])
    return {(method, path) for methods, path in rows for method in methods.replace("\\", "").split("|")}


def test_the_architecture_has_exactly_the_addresses_of_the_route_table():
    page = (ROOT / "docs/architecture.md").read_text()
    assert ("DELETE", "/v1/machines/ID/state/NAME") in routes()
    assert documented_routes(page) == routes()
    assert documented_routes(page.replace("GET\\|PUT\\|DELETE", "GET\\|PUT")) != routes(), "a forgotten method is found"
