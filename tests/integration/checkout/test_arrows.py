# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may include whom (docs/architecture.md "The house"): each include of the sources is one of the allowed arrows, and none goes in a circle."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
# In angle brackets only what names a folder of ours: a library's header may do the same.
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')

# A room and the rooms that it may include beside itself.
ARROWS = {
    "base": [],
    "net": ["base"],
    "files": ["base"],
    "lock": ["base", "files"],
    "guest": ["base", "files", "lock"],
    "volume/api": ["base"],
    "volume/core": ["base", "files", "lock", "volume/api"],
    "volume/plugin": ["base", "volume/api", "volume/core"],
    "greeter/levels": ["base"],
    "greeter/protocol": ["base"],
    "greeter/site": ["base"],
    "greeter/supervisor": ["base", "greeter/protocol", "greeter/site"],
    "greeter/ui": ["base", "greeter/protocol"],
    "greeter/ui-text": ["base", "greeter/protocol", "greeter/ui"],
    "greeter/screen": ["base", "greeter/protocol"],
    "greeter/session": ["base", "net", "files", "lock", "guest", "volume/api", "greeter/protocol", "greeter/site"],
    "bootstrap/manifest": ["base"],
    "bootstrap/initramfs": ["base", "net", "bootstrap/manifest"],
    "bootstrap/setup": ["base", "net", "bootstrap/manifest", "bootstrap/initramfs"],
    "server/model": ["base"],
    "server/store": ["base", "server/model"],
    "server/boot": ["base", "bootstrap/manifest", "server/model", "server/store"],
    "server/api": ["base", "net", "bootstrap/manifest", "server/model", "server/store", "server/boot"],
    "server/provisioner": ["base", "net", "server/model", "server/store", "server/boot", "server/api"],
    "server/vmtools": ["base", "files", "lock", "guest", "server/model"],
    "server/ctl": ["base", "files", "lock", "guest", "server/model", "server/store", "server/boot", "server/vmtools"],
}
# A library's headers, and the only rooms or files that know them.
LIBRARIES = {
    "curl/": ["net/"],
    "microhttpd.h": ["net/"],
    "nfsc/": ["files/nfs/"],
    "libvirt/": ["guest/libvirt/"],
    "security/": ["greeter/session/pam/"],
    "soci/": ["server/store/"],
}
# What only tests include: fakes, and what starts real servers.
TESTS = ["tests/testing", "tests/lib"]


def room_of(path):
    """The longest room that holds the path; None: no room of the product."""
    return max((room for room in ARROWS if path.startswith(room + "/")), key=len, default=None)


def is_test(path):
    return path.endswith("_test.cpp")


def allowed(path, included):
    room, there = room_of(path), room_of(included)
    if there is None:
        return is_test(path) and any(included.startswith(folder + "/") for folder in TESTS)
    return there == room or there in ARROWS[room]


def faults(root, paths):
    found = []
    for path in paths:
        if room_of(path) is None:
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and ('"' in line or room_of(match[1])) and not allowed(path, match[1]):
                found.append(f"{path}:{number}: {room_of(path)} may not include {match[1]}")
    return found


def sources():
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "*.cpp", "*.h", "*.cpp.in"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]


def test_every_include_is_an_allowed_arrow():
    assert faults(ROOT, sources()) == []


def documented_arrows(page):
    """The table of docs/architecture.md "The house", as ARROWS is."""
    section = page[page.index("## The house"):]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section[:section.index("\n\n")].splitlines() if line.startswith("| `")]
    return {room.strip("`").rstrip("/"): [part for part in (includes[0] if includes else "").strip("| ").split(", ") if part]
            for room, _, *includes in rows if room.strip("`").rstrip("/") in ARROWS}


def test_the_arrows_are_those_of_the_architecture_page():
    page = (ROOT / "docs/architecture.md").read_text()
    assert documented_arrows(page) == ARROWS
    assert documented_arrows(page.replace("| base, files |", "| base, files, net |")) != ARROWS, "another arrow is found"


def strange_libraries(paths, read):
    return [f"{path}:{number}: only {', '.join(LIBRARIES[library])} may include {match[1]}"
            for path in paths for number, line in enumerate(read(path).splitlines(), 1) if (match := INCLUDE.match(line))
            for library in LIBRARIES if match[1].startswith(library) and not any(path.startswith(room) for room in LIBRARIES[library])]


def test_a_library_is_known_in_its_room_only():
    product = [path for path in sources() if room_of(path)]
    assert strange_libraries(product, lambda path: (ROOT / path).read_text()) == []
    assert strange_libraries(["server/api/a.cpp"], lambda _: "#include <microhttpd.h>\n") == ["server/api/a.cpp:1: only net/ may include microhttpd.h"]


def test_every_source_of_the_product_lies_in_a_room():
    assert [path for path in sources() if not path.startswith("tests/") and room_of(path) is None] == []


def test_the_arrows_go_in_no_circle():
    ends, left = set(), {room: set(to) for room, to in ARROWS.items()}
    while left:
        done = {room for room, to in left.items() if to <= ends}
        assert done, f"a circle among {sorted(left)}"
        ends |= done
        left = {room: to for room, to in left.items() if room not in done}


@pytest.mark.parametrize("path,included,fault", [
    ("lock/lease.cpp", "greeter/session/session.h", "lock may not include greeter/session/session.h"),
    ("server/ctl/a.cpp", "volume/plugin/launcher.h", "server/ctl may not include volume/plugin/launcher.h"),
    ("greeter/ui/a.cpp", "tests/testing/fake_world.h", "greeter/ui may not include tests/testing/fake_world.h"),
    ("server/boot/a.cpp", "bootstrap/setup/setup.h", "server/boot may not include bootstrap/setup/setup.h"),
    ("server/boot/a.cpp", "bootstrap/manifest/manifest.h", None),
    ("lock/a_test.cpp", "tests/testing/memory_files.h", None),
    ("lock/a_test.cpp", "guest/new_vm.h", "lock may not include guest/new_vm.h"),
])
def test_a_forbidden_include_is_named_with_file_and_line(tmp_path, path, included, fault):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(f'// a line\n#include "{included}"\n')
    assert faults(tmp_path, [path]) == ([f"{path}:2: {fault}"] if fault else [])


def test_no_target_of_the_product_compiles_or_links_anything_of_the_tests():
    """CMakeLists.txt outside of tests/ name no file of it; what they link of it are fakes, for their own unit tests."""
    found = []
    for path in subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "*CMakeLists.txt"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout.split():
        if path.startswith("tests/") or not (ROOT / path).is_file():
            continue
        text = re.sub(r"#.*", "", (ROOT / path).read_text())
        found += [f"{path}: {line.strip()}" for line in text.splitlines() if "tests/" in line]
        for call, body in re.findall(r"(berth_library|berth_program|target_link_libraries)\(([^()]*)\)", text):
            found += [f"{path}: {call}({body.split()[0]} links {name}" for name in ("berth_memory_files", "berth_test_ganesha", "berth_test_rpc_proxy") if name in body.split()]
    assert found == []


def test_every_top_folder_says_what_lives_there():
    folders = {path.split("/")[0] for path in sources()}
    assert [folder for folder in sorted(folders) if not (ROOT / folder / "README.md").is_file()] == []
