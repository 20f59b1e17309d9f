# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON from outside is read by base/strict_json.h alone, and docs/architecture.md "JSON from outside" says what each format does with a member that it does not know."""
import re

import pytest
from test_one_way_out import ROOT, sources

READER = {"base/strict_json.h", "base/strict_json.cpp"}
# nlohmann's own ways to parse, and to take a value out of what was parsed.
OWN_WAY = re.compile(r"json::(?:parse|accept|sax_parse|from_\w+)\b|\"_json\b|\.at\(\"|(?:\.|->)value\(\s*\"|(?:\.|->)(?:get_ptr|get_ref|get)<|\.get_to\(|_json_pointer\b")
REASONS = {
    "base/message_form.cpp": "reads the members of a message that take_frame() has read, by the form of its struct",
    "base/message_form.h": "the same",
}


def code_of(text):
    return re.sub(r"//.*", "", text)


def own_ways(name, text):
    return [f"{name}:{number}: {line.strip()}" for number, line in enumerate(code_of(text).splitlines(), 1) if OWN_WAY.search(line)]


def test_nothing_reads_json_in_a_way_of_its_own():
    found = {path: own_ways(path, (ROOT / path).read_text()) for path in sources() if path not in READER}
    assert [line for path, lines in found.items() if path not in REASONS for line in lines] == []
    assert [path for path in REASONS if not found[path]] == [], "they read no JSON any more"


@pytest.mark.parametrize("line", [
    "auto value = nlohmann::json::parse(text, nullptr, false);",
    "if (!json::accept(body)) return;",
    's.user = j.at("user");',
    'const auto why = kvm.value("why", "");',
    'value["a"].get<std::string>();',
    "value.get_ref<const std::string&>();",
])
def test_a_reader_of_its_own_is_named_with_file_and_line(line):
    assert own_ways("x", f"// json::parse(text)\n{line}\n") == [f"x:2: {line}"]


def formats():
    """Name, policy and reason of each JsonFormat."""
    found = []
    for path in sources():
        text = code_of((ROOT / path).read_text())
        for body in re.findall(r"\bJsonFormat \w+\{(.*?)\};", text, re.S):
            name, unknown, why = (re.search(rf"\.{key} = (\w+::)?((?:\"[^\"]*\"\s*)+|\w+)", body) for key in ("name", "unknown", "why"))
            assert name and unknown and why, f"{path}: a format needs name, unknown and why"
            said = name[2] if name[2].startswith('"') else re.search(rf'\b{name[2]} = ("[^"]*")', text)[1]
            found.append(tuple("".join(re.findall(r'"([^"]*)"', part)) or part for part in (said, unknown[2], why[2])))
    return sorted(found)


def test_the_architecture_has_every_format_and_what_it_does_with_unknown_members():
    page = (ROOT / "docs/architecture.md").read_text()
    section = page[page.index("## JSON from outside"):page.index("## Messages")]
    rows = [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")) for line in section.splitlines() if line.startswith("|")][2:]
    assert sorted((name, {"refused": "refuse", "ignored": "ignore"}[unknown], why) for name, unknown, why in rows) == formats()
    assert all(any(why.startswith("outlives versions") for name, _, why in rows if name == wanted) for wanted in ("lock record", "session state", "manifest", "row of the database"))


def test_every_program_that_reads_json_names_its_format():
    users = [path for path in sources() if re.search(r"\b(?:read_json|read_members|parse_json)\(", code_of((ROOT / path).read_text())) and path not in READER]
    assert [path for path in users if not re.search(r"\bJsonFormat \w+\{", (ROOT / path).read_text())] == []
