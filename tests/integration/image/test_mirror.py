# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a build's packages come from: --mirror and http_proxy. The plain run takes the build's own steps (package lists, resolving,
downloading) with one small package; tests/run full builds a whole image that way."""
import os
import re
import subprocess

import pytest

from debian_mirror import DebianMirror
from screen import Screen
from terminal_process import TerminalProcess
from test_reproducible import checkout

SUITE = os.environ["BERTH_TOOLS_OF"]
SMALL = "netbase"  # depends on nothing
STEPS = f"""
set -euo pipefail
image=$1/image cache=$2 mirror=$3 firmware='' refresh=''
. $image/common.sh
. $image/debian-root.sh
apt_setup
resolved {SMALL} | grep '^{SMALL} '
cd $2 && our_apt -q download {SMALL} >&2
"""


def main_archive():
    """What apt is configured with here, as debian_sources() in image/debian-root.sh finds it."""
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"],
                             capture_output=True, text=True, check=True).stdout
    return next(m[1] for m in re.finditer(r"(?m)^(http\S+?)/? (?!\S+-security )\S+ main Debian$", targets))


@pytest.fixture(scope="module")
def mirror():
    m = DebianMirror(main_archive())
    yield m
    m.close()


def take_a_package(root, cache, mirror="", **environment):
    """The build's steps; the package's file."""
    cache.mkdir()
    done = subprocess.run(["bash", "-c", STEPS, "x", root, cache, mirror], capture_output=True, text=True, timeout=600,
                          env={**os.environ, "no_proxy": "", **environment})
    assert done.returncode == 0, done.stderr
    files = list(cache.glob(f"{SMALL}_*.deb"))
    assert len(files) == 1 and done.stdout.split()[0] == SMALL
    return files[0]


def test_lists_and_packages_come_from_the_mirror(root, tmp_path, mirror):
    mirror.asked.clear(), mirror.proxied.clear()
    package = take_a_package(root, tmp_path / "cache", mirror.url)
    assert [p for p in mirror.asked if p.endswith("/InRelease")], "the release's signed list"
    assert [p for p in mirror.asked if p.endswith(f"/{package.name}")] == [f"/pool/main/n/netbase/{package.name}"]
    assert mirror.proxied == []
    # The archive's security updates have no place on a mirror of the main one.
    sources = (tmp_path / f"cache/apt-{SUITE}/etc/sources.list").read_text().splitlines()
    assert sources and all(line.split()[2] == mirror.url or line.split()[3].endswith("-security") for line in sources)


def test_lists_and_packages_come_through_the_proxy(root, tmp_path, mirror):
    mirror.asked.clear(), mirror.proxied.clear()
    package = take_a_package(root, tmp_path / "cache", http_proxy=mirror.address)
    assert [u for u in mirror.proxied if u.endswith(f"/pool/main/n/netbase/{package.name}")]
    assert [u for u in mirror.proxied if u.endswith("-security/InRelease")]
    assert mirror.asked == []


@pytest.mark.parametrize("word", ["deb.debian.org", "ftp://deb.debian.org/debian", "http://a b/debian", "--firmware"])
def test_a_mirror_that_is_no_url_is_refused(root, word):
    done = subprocess.run([root / "build-image.sh", "--mirror", word], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"--mirror {word}: must be a URL" in done.stderr


@pytest.mark.full_only  # downloads every package
def test_a_whole_image_and_the_demos_guest_are_built_from_the_mirror(root, tmp_path, mirror):
    mirror.asked.clear()
    here = checkout(root, tmp_path / "checkout")
    demo = TerminalProcess([here / "build-image.sh", "--version", "1", "--mirror", mirror.url, "--demo"], env={**os.environ, "TERM": "xterm"})
    screen = Screen(demo, tmp_path / "log")
    try:
        screen.wait_raw(rb"A virtual workstation starts now", timeout=7200)
        screen.wait_raw(rb"SeaBIOS|iPXE", timeout=240)
        screen.send(b"\x01x")  # pulls its plug
        assert demo.wait(120) == 0
    finally:
        demo.close_window()
        demo.wait(120)
        screen.close()
    wanted = {line.split()[0] for f in (here / "out/cache").glob("debian-*.versions") for line in f.read_text().splitlines()}
    taken = {p.rsplit("/", 1)[1].split("_")[0] for p in mirror.asked if p.endswith(".deb")}
    security = {p.name.split("_")[0] for p in (here / f"out/cache/apt-{SUITE}/archives").glob("*.deb")} - taken
    guest = {n for n in taken | security if n.endswith("-cloud-amd64")}
    assert guest or [p for p in mirror.asked if "linux" in p]
    assert len(wanted) > 100 and wanted == (taken | security) - guest
    assert len(security) < len(taken), "no more than the security updates came from elsewhere"
