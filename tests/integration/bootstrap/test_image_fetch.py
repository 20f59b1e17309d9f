# SPDX-License-Identifier: GPL-3.0-or-later
"""berth-bootstrap's fetch against a real HTTP server: what its maker did not sign never gets the file's name."""
import json
import pathlib
import random
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from faulty_server import FaultyServer  # noqa: E402

ROOT_SIZE = 3_000_000


class Image:
    """A built and signed image, as berth-image makes it."""

    def __init__(self, build, folder, kind="image", version=7):
        self.tool, self.folder, self.kind = build / "bin/berth-image", folder, kind
        self.name = "root.squashfs" if kind == "image" else "site.squashfs"
        self.manifest_name = "manifest.json" if kind == "image" else "site.json"
        folder.mkdir(exist_ok=True)
        self.root = random.Random(7).randbytes(ROOT_SIZE)
        (folder / self.name).write_bytes(self.root)
        self.run("keygen", "--secret", folder / "key", "--public", folder / "key.pub")
        self.run("manifest", "--kind", kind, "--version", version, "--created", "2026-01-01T00:00:00Z",
                 "--out", folder / "out", folder / self.name)
        self.sign()

    def run(self, *arguments):
        subprocess.run([self.tool, *map(str, arguments)], check=True, timeout=60)

    def sign(self):
        self.run("sign", "--secret", self.folder / "key", self.folder / "out" / self.manifest_name)

    def files(self):
        return {p.name: p.read_bytes() for p in (self.folder / "out").iterdir()}

    def entry(self):
        return json.loads((self.folder / "out" / self.manifest_name).read_text())["files"][0]


class Fetch:
    def __init__(self, build, image, folder):
        self.program, self.image, self.folder = build / "bin/berth-bootstrap", image, folder

    def __call__(self, server, *more):
        self.folder.mkdir(exist_ok=True)
        done = subprocess.run([self.program, "--fetch-only", self.folder, "--url", server.url, "--key", self.image.folder / "key.pub",
                               "--kind", self.image.kind, "--stall", "1", "--tries", "2", *map(str, more)],
                              capture_output=True, text=True, timeout=120)
        self.error = done.stderr
        return done.returncode == 0

    def got(self):
        return (self.folder / self.image.name).read_bytes()

    def refused_with(self, code):
        """The code is on screen, and neither the file nor a part of it is left."""
        assert f"BERTH-{code}:" in self.error, self.error
        return list(self.folder.iterdir()) == []


@pytest.fixture(scope="module")
def image(build, tmp_path_factory):
    return Image(build, tmp_path_factory.mktemp("image"))


@pytest.fixture
def server(image):
    with FaultyServer(image.files()) as s:
        yield s


@pytest.fixture
def fetch(build, image, tmp_path):
    return Fetch(build, image, tmp_path / "got")


def flip(server, name, at):
    data = bytearray(server.files[name])
    data[at] ^= 1
    server.files[name] = bytes(data)


def test_an_intact_image_arrives_byte_for_byte(server, fetch, image):
    assert fetch(server), fetch.error
    assert fetch.got() == image.root
    assert [p.name for p in fetch.folder.iterdir()] == ["root.squashfs"]


def test_a_site_archive_arrives_byte_for_byte(build, tmp_path):
    site = Image(build, tmp_path / "site", kind="site")
    fetch = Fetch(build, site, tmp_path / "got")
    with FaultyServer(site.files()) as server:
        assert fetch(server), fetch.error
    assert fetch.got() == site.root


def test_a_flip_in_the_signature_is_refused(server, fetch):
    text = server.files["manifest.json.minisig"]
    flip(server, "manifest.json.minisig", text.index(b"\n") + 40)
    assert not fetch(server)
    assert fetch.refused_with("B03")


def test_a_flip_in_the_trusted_comment_is_refused(server, fetch):
    flip(server, "manifest.json.minisig", server.files["manifest.json.minisig"].index(b"file:"))
    assert not fetch(server)
    assert fetch.refused_with("B03")


def test_a_flip_in_the_manifest_is_refused(server, fetch):
    flip(server, "manifest.json", server.files["manifest.json"].index(b"size") + 8)
    assert not fetch(server)
    assert fetch.refused_with("B03")


def test_another_makers_signature_is_refused(build, server, fetch, tmp_path):
    other = Image(build, tmp_path / "other")
    server.files |= other.files()
    assert not fetch(server)
    assert fetch.refused_with("B03")


def test_a_flip_in_the_chunk_list_is_refused(server, fetch, image):
    flip(server, image.entry()["chunks"]["digest"], 100)
    assert not fetch(server)
    assert fetch.refused_with("B05")


@pytest.mark.parametrize("at", [0, ROOT_SIZE // 2, ROOT_SIZE - 1], ids=["first", "middle", "last"])
def test_a_flip_in_a_chunk_is_refused(server, fetch, image, at):
    flip(server, image.entry()["digest"], at)
    assert not fetch(server)
    assert fetch.refused_with("B05")


def test_a_truncated_file_is_refused(server, fetch, image):
    digest = image.entry()["digest"]
    server.files[digest] = server.files[digest][:-1]
    assert not fetch(server)
    assert fetch.refused_with("B05")


def test_a_longer_file_is_refused(server, fetch, image):
    server.files[image.entry()["digest"]] += b"x"
    assert not fetch(server)
    assert fetch.refused_with("B05")


def test_a_truncated_chunk_list_is_refused(server, fetch, image):
    name = image.entry()["chunks"]["digest"]
    server.files[name] = server.files[name][:-36]
    assert not fetch(server)
    assert fetch.refused_with("B05")


def test_an_older_version_is_refused(server, fetch):
    assert not fetch(server, "--minimum-version", 8)
    assert fetch.refused_with("B06")
    assert fetch(server, "--minimum-version", 7)


def test_a_correctly_signed_but_malformed_manifest_is_refused(build, fetch, tmp_path):
    image = Image(build, tmp_path / "odd")
    manifest = image.folder / "out/manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 1, "run": "/bin/sh"'))
    image.sign()
    fetch.image = image
    with FaultyServer(image.files()) as server:
        assert not fetch(server)
    assert fetch.refused_with("B04")


def test_a_server_that_closes_midway_is_resumed_by_range(server, fetch, image):
    digest = image.entry()["digest"]
    server.cut[digest] = [1_000_000, 700_000]
    assert fetch(server), fetch.error
    assert fetch.got() == image.root
    starts = [start for name, start in server.requests if name == digest]
    assert len(starts) == 3 and 0 == starts[0] < starts[1] < starts[2]
    assert starts[1] <= 1_000_000


def test_a_server_without_ranges_is_resumed_too(server, fetch, image):
    server.ranges = False
    server.cut[image.entry()["digest"]] = [1_000_000]
    assert fetch(server), fetch.error
    assert fetch.got() == image.root


def test_a_server_that_stalls_is_left_and_resumed(server, fetch, image):
    digest = image.entry()["digest"]
    server.stall[digest] = [900_000]
    assert fetch(server), fetch.error
    assert fetch.got() == image.root
    assert [start > 0 for name, start in server.requests if name == digest] == [False, True]


def test_a_server_that_stalls_for_ever_is_given_up(server, fetch, image):
    server.stall[image.entry()["digest"]] = [1000, 1000, 1000]
    assert not fetch(server)
    assert fetch.refused_with("B02")


def test_a_missing_file_is_named(server, fetch, image):
    del server.files[image.entry()["digest"]]
    assert not fetch(server)
    assert fetch.refused_with("B02")
    assert image.entry()["digest"] in fetch.error and "404" in fetch.error


def test_no_server_at_all_is_given_up(server, fetch):
    class Nobody:
        pass
    with socket.socket() as taken:  # bound, so nobody listens there
        taken.bind(("127.0.0.1", 0))
        Nobody.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert not fetch(Nobody)
    assert fetch.refused_with("B02")
