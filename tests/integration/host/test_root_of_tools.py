# SPDX-License-Identifier: GPL-3.0-or-later
"""The root of tools (image/enter, tests/enter) that all tests run in: what it shows of the host, and what is said where it cannot be entered."""
import os
import pathlib
import re
import subprocess

SHOWN = {"/dev", "/proc", "/sys", "/run", "/tmp"}


def test_the_host_shows_its_devices_its_kernel_and_the_checkout_only(root):
    said = subprocess.run([root / "image/enter", os.environ["BERTH_TOOLS_ROOT"], "--bind", root, "cat", "/proc/self/mountinfo"],
                          capture_output=True, text=True, check=True, cwd=root).stdout
    points = {line.split()[4] for line in said.splitlines()}
    assert {"/", str(root), *SHOWN} <= points
    assert not {p for p in points - {"/", str(root)} if not any(p == s or p.startswith(s + "/") for s in SHOWN | {str(root)})}


def test_programs_and_their_libraries_are_of_the_images_debian(root, build):
    assert f"VERSION_CODENAME={os.environ['BERTH_TOOLS_OF']}" in pathlib.Path("/etc/os-release").read_text().splitlines()
    for program in ("bin/berth-session", "bin/berth-volume", "bin/berth-provisioner"):
        libraries = re.findall(r"=> (\S+)", subprocess.run(["ldd", build / program], capture_output=True, text=True, check=True).stdout)
        assert libraries and not [p for p in libraries if not p.startswith(("/lib/", "/usr/lib/"))]
    keys = pathlib.Path(os.environ["BERTH_KEY_DIR"])
    assert keys.is_absolute() and keys.is_dir(), "the signing key is where the host has it"


def test_the_root_of_tools_is_not_entered_twice(root):
    done = subprocess.run([root / "tests/enter", "printenv", "BERTH_TOOLS_OF"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == os.environ["BERTH_TOOLS_OF"]
    other = {"trixie": "bookworm", "bookworm": "trixie"}[os.environ["BERTH_TOOLS_OF"]]
    for command, name in (("tests/enter", "this is a root of"), ("build-image.sh", f"--suite {other}: this is a root of tools of")):
        done = subprocess.run([root / command, "--suite", other], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "") and name in done.stderr


def test_a_suite_that_we_know_nothing_of_is_refused(root):
    for command in ("tests/enter", "build-image.sh"):
        done = subprocess.run([root / command, "--suite", "sid"], capture_output=True, text=True)
        assert done.returncode == 1 and "--suite sid: trixie or bookworm" in done.stderr


def test_a_path_that_is_not_there_is_named(root):
    done = subprocess.run([root / "image/enter", os.environ["BERTH_TOOLS_ROOT"], "--bind", "/none/such", "true"], capture_output=True, text=True)
    assert done.returncode == 125 and "there is no /none/such" in done.stderr
