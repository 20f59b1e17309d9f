# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of packages: what they include, and that each package is named once (tests/install-packages reads them all)."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
LISTS = ["tests/packages.txt", "image/packages.demo", "image/packages.builder", "image/packages.host", "image/packages.list", "image/packages-firmware.list"]


def read(what, *lists, suite=None):
    return subprocess.run([ROOT / "tests/install-packages", *(["--suite", suite] if suite else []), what, *lists], cwd=ROOT, text=True, capture_output=True)


def write(folder, **lists):
    folder.mkdir(exist_ok=True)
    for name, text in lists.items():
        (folder / name).write_text(text)


def test_every_list_of_packages_is_checked():
    found = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "*packages*.*"], cwd=ROOT, text=True,
                           capture_output=True, check=True)
    assert sorted(p for p in found.stdout.split() if not p.endswith(".py")) == sorted(LISTS)


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("name", LISTS)
def test_no_package_is_named_twice_over_a_list_and_those_it_includes(name, suite):
    done = read("--twice", name, suite=suite)
    assert (done.returncode, done.stdout) == (0, "")
    names = read("--names", name, suite=suite).stdout.split()
    assert names and names == sorted(set(names))


def test_a_package_that_two_lists_name_is_found_and_named(tmp_path):
    """Over lists that include each other, too."""
    write(tmp_path, a="@b\nbash\ngit\n", b="@a\ngit # for the version\ncpio\n")
    done = read("--twice", tmp_path / "a")
    assert done.returncode == 1 and done.stdout == f"git: {tmp_path}/a {tmp_path}/b\n"
    write(tmp_path, c="tar\ngit\ntar\n")
    assert read("--twice", tmp_path / "c").stdout == f"tar: {tmp_path}/c {tmp_path}/c\n"


def test_a_list_is_found_beside_the_one_that_includes_it(tmp_path):
    write(tmp_path / "image", host="# What building needs.\n\n  cpio  # packs\ngit", demo="@host\nfdisk\n")
    write(tmp_path / "tests", all="@../image/demo\n@../image/host\nspin\n")
    assert read("--names", tmp_path / "tests/all").stdout.split() == ["cpio", "fdisk", "git", "spin"]
    assert read("--twice", tmp_path / "tests/all").returncode == 0


def test_a_package_counts_in_the_suite_that_its_line_names(tmp_path):
    write(tmp_path, a="bash\nlibfmt9 [bookworm]\nlibfmt10 [trixie]  # the same library\n", b="bash [forky] oh\n")
    assert read("--names", tmp_path / "a", suite="trixie").stdout.split() == ["bash", "libfmt10"]
    assert read("--names", tmp_path / "a", suite="bookworm").stdout.split() == ["bash", "libfmt9"]
    done = read("--names", tmp_path / "b", suite="trixie")
    assert done.returncode == 1 and "bash [forky] oh: PACKAGE or PACKAGE [SUITE]" in done.stderr


def test_a_list_that_is_not_there_is_named(tmp_path):
    write(tmp_path, a="@gone\nbash\n")
    for what in ("--names", "--twice"):
        done = read(what, tmp_path / "a")
        assert done.returncode == 1 and f"{tmp_path}/gone" in done.stderr, done
