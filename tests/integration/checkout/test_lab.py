# SPDX-License-Identifier: GPL-3.0-or-later
"""The times of the lock and of libvirt are fixed in what is shipped. Only berth-lab, a build of the same libraries (tests/lab), has options for them: it
is installed nowhere, and the VM level does not know it."""
import re
import subprocess

import pytest

from test_documented import ROOT, commands, help_of, options

LAB_OPTIONS = {"berth-session": {"lock-times-ms", "libvirt-seconds"}, "berthctl": {"lock-times-ms"}}


def all_options(program):
    return set().union(*commands(program).values()) if program.name == "berthctl" else options(help_of(program))


def test_berth_lab_has_the_shipped_programs_options_and_its_own(build):
    for name, more in LAB_OPTIONS.items():
        shipped, lab = all_options(build / "bin" / name), all_options(build / "bin/berth-lab" / name)
        assert lab - shipped == more and shipped - lab == set(), name
    assert sorted(path.name for path in (build / "bin/berth-lab").iterdir()) == sorted(LAB_OPTIONS)


@pytest.mark.parametrize("line", [
    ("berth-session", "--steps", "--lock-times-ms", "1,2,3,4"), ("berth-session", "--steps", "--libvirt-seconds", "3"),
    ("berth-session", "--steps", "--pam-seconds", "3"), ("berthctl", "vm", "list", "--lock-times-ms", "1,2,3,4"),
    ("berth-volume", "--config", "/dev/null", "--lock-times-ms", "1,2,3,4")], ids=" ".join)
def test_a_shipped_program_refuses_another_time_hidden_options_included(build, line):
    done = subprocess.run([build / "bin" / line[0], *line[1:]], capture_output=True, text=True, timeout=60)
    assert done.returncode not in (0, 1) and line[-2] in done.stderr, (done.returncode, done.stderr)


def test_no_variable_of_the_environment_gives_a_time():
    named = {}
    for folder in ("base", "net", "files", "lock", "guest", "volume", "greeter", "bootstrap", "server"):
        for path in sorted((ROOT / folder).rglob("*.cpp")):
            if not path.name.endswith("_test.cpp"):
                for name in re.findall(r'"(BERTH_[A-Z_]+)"', path.read_text()):
                    named.setdefault(name, []).append(str(path.relative_to(ROOT)))
    # Where a program or a plugin is.
    assert set(named) == {"BERTH_FILES", "BERTH_NBDKIT", "BERTH_NBDKIT_PLUGIN"}, named


def test_berth_lab_is_installed_nowhere(build):
    scripts = list(build.rglob("cmake_install.cmake"))
    assert any("berthctl" in path.read_text() for path in scripts)
    assert [str(path) for path in scripts if "berth-lab" in path.read_text() or "lab-berth" in path.read_text()] == []


def test_the_image_and_the_vm_level_know_nothing_of_it():
    found = []
    for folder in ("image", "overlay", "tests/vm", "tests/fresh"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
                text = path.read_text(errors="replace")
                found += [f"{path.relative_to(ROOT)}: {word}" for word in ("berth-lab", "lock-times", "libvirt-seconds") if word in text]
    assert found == []
    # What the VM level starts on the server's side of its network.
    for name in ("lan.py", "siteworld.py", "testsite.py", "workstation.py"):
        assert "berth-lab" not in (ROOT / "tests/lib" / name).read_text(), name


def test_the_vm_level_changes_no_time_of_a_unit():
    """A workstation of tests/vm runs the image's own units, but for those of a test's site."""
    for path in [*sorted((ROOT / "tests/vm").glob("*.py")), ROOT / "tests/lib/testsite.py", ROOT / "tests/lib/siteworld.py"]:
        text = path.read_text()
        assert not re.search(r"berth-(session|greeter|volume)[^\n]*--(power-button|volume-stop|settle)-seconds|berth-(greeter|sweep|settle)\.service\.d", text), path
