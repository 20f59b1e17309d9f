# SPDX-License-Identifier: GPL-3.0-or-later
"""`berthctl image add` under a provisioner that serves meanwhile (docs/architecture.md "Image"): a boot gets one build whole, whatever happens
to the images beside it. Images are signed by build-image.sh's own code; the boots' roots are fetched by the real berth-bootstrap."""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest

from processes import run, wait_until

LIB = pathlib.Path(__file__).resolve().parents[2] / "lib"
MAC = "52:54:00:00:00:01"
NAMES = {"image": ("vmlinuz", "initrd.img", "root.squashfs"), "site": ("site.squashfs",)}


class Built:
    """A signed folder out/image or out/site, and what is in it."""

    def __init__(self, folder, kind, version):
        self.folder, self.kind, self.version = folder, kind, version
        manifest = "manifest.json" if kind == "image" else "site.json"
        self.files = {name: (folder.parent / name).read_bytes() for name in NAMES[kind]}
        self.files |= {name: (folder / name).read_bytes() for name in (manifest, manifest + ".minisig")}
        self.digests = {f["name"]: f["digest"] for f in json.loads(self.files[manifest])["files"]}


class Maker:
    def __init__(self, build, folder):
        self.build, self.folder, self.keys = build, folder, folder / "keys"

    def __call__(self, version, kind="image", keys=None):
        folder = self.folder / f"{kind}-{version}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        for name in NAMES[kind]:
            (folder / name).write_bytes(random.Random(str(folder / name)).randbytes(150_000))
        subprocess.run([LIB / "publish", kind, str(version), folder / "out", self.build / "bin/berth-image",
                        *(folder / name for name in NAMES[kind])], check=True, timeout=60, env={**os.environ, "BERTH_KEY_DIR": str(keys or self.keys)})
        return Built(folder / "out", kind, version)

    @property
    def key(self):
        return self.keys / "image.pub"


class Boot:
    """What iPXE is told at a power-on, and what it and the bootstrap fetch then."""

    def __init__(self, provisioner, mac=MAC):
        self.provisioner = provisioner
        status, _, script = provisioner.curl(f"/v1/boot?mac={mac}&platform=efi")
        assert status == 200
        self.script = script.decode()
        self.kernel = re.search(r"(?m)^kernel .* (http\S+/vmlinuz) ", self.script)[1]
        self.initrd = re.search(r"(?m)^initrd .* (http\S+/initrd.img) ", self.script)[1]
        words = dict(w.split("=", 1) for w in self.script.split() if w.startswith("berth."))
        self.image, self.site, self.token, self.machine = (words.get(f"berth.{w}") for w in ("image", "site", "boot", "machine"))

    @staticmethod
    def get(url):
        return urllib.request.urlopen(url, timeout=60).read()

    def gets(self, built):
        """Every byte that this boot fetches is of that build."""
        assert self.get(self.kernel) == built.files["vmlinuz"]
        assert self.get(self.initrd) == built.files["initrd.img"]
        for name in ("manifest.json", "manifest.json.minisig"):
            assert self.get(f"{self.image}/{name}") == built.files[name]
        assert self.get(f"{self.image}/{built.digests['root.squashfs']}") == built.files["root.squashfs"]

    def fetch(self, built, key, folder):
        """By the real bootstrap; its standard error when it failed."""
        folder.mkdir(exist_ok=True)
        url, name = (self.image, "root.squashfs") if built.kind == "image" else (self.site, "site.squashfs")
        done = subprocess.run([self.provisioner.build / "bin/berth-bootstrap", "--fetch-only", folder, "--url", url, "--key", key, "--kind",
                               built.kind, "--tries", "1"], text=True, capture_output=True, timeout=60)
        assert done.returncode != 0 or (folder / name).read_bytes() == built.files[name]
        return done.stderr if done.returncode else ""

    def post(self, **status):
        return self.provisioner.curl(f"/v1/machines/{self.machine}/status", "-H", f"Berth-Boot: {self.token}", "-d", json.dumps(status))[0]


@pytest.fixture
def provisioner_folder():
    """In memory: an add makes every file durable, which a busy disk takes long for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield pathlib.Path(folder)


@pytest.fixture
def make(build, provisioner_folder):
    folder = provisioner_folder / "made"
    folder.mkdir()
    return Maker(build, folder)


@pytest.fixture
def site(provisioner, make):
    """The provisioner with one machine; add() is `berthctl image add`."""
    provisioner.ctl("machine", "add", "--mac", MAC)

    def add(built, *options, check=True, key=True):
        return provisioner.ctl("image", "add", "--images", str(provisioner.images), *(["--key", str(make.key)] if key else []), *options,
                               str(built.folder), check=check)
    provisioner.add = add
    return provisioner


def test_a_second_add_is_what_the_next_boot_gets(site, make):
    first, second = make(1), make(2)
    assert "is served from now on" in site.add(first).stdout
    Boot(site).gets(first)
    assert "is served from now on" in site.add(second, key=False).stdout
    Boot(site).gets(second)
    assert "is served already" in site.add(second, key=False).stdout
    Boot(site).gets(second)


def test_a_boot_that_began_before_an_update_gets_its_own_build_after_it(site, make, tmp_path):
    first, second, old_site, new_site = make(1), make(2), make(1, "site"), make(2, "site")
    site.ctl("machine", "set", "--yes", "m-0001", "--site", "our-site")
    site.add(first)
    site.add(old_site, "--name", "our-site")
    before = Boot(site)
    assert before.get(before.kernel) == first.files["vmlinuz"]
    site.add(second)
    site.add(new_site, "--name", "our-site")
    before.gets(first)
    after = Boot(site)
    after.gets(second)
    for boot, image, archive in ((before, first, old_site), (after, second, new_site)):
        assert boot.fetch(image, make.key, tmp_path / "root") == ""
        assert boot.fetch(archive, make.key, tmp_path / "root") == ""


def test_an_old_build_goes_when_the_last_token_is_gone_and_not_before(site, make, tmp_path):
    first, second = make(1), make(2)
    site.add(first)
    old = Boot(site)
    site.add(second)
    for _ in range(3):
        Boot(site).gets(second)
        site.add(second)
        old.gets(first)
    site.process.stop()
    site.start(site.address)
    old.gets(first)
    new = Boot(site)

    def gone():
        try:
            Boot.get(old.kernel)
        except urllib.error.HTTPError as e:
            return e.code == 404
    wait_until(gone, 60, "the provisioner's removing the old build")
    assert "404" in old.fetch(first, make.key, tmp_path / "root")
    new.gets(second)
    assert [p.name for p in (site.images / ".berth").iterdir()] == [os.path.basename(new.image)]


def torn(built):
    path = built.folder / built.digests["root.squashfs"]
    data = path.read_bytes()
    path.unlink()  # it has other names
    path.write_bytes(data[:-1])


def flipped(built):
    path = built.folder / built.digests["initrd.img"]
    data = bytearray(path.read_bytes())
    data[70_000] ^= 1
    path.unlink()
    path.write_bytes(data)


def incomplete(built):
    (built.folder / built.digests["vmlinuz"]).unlink()


def unsigned(built):
    (built.folder / "manifest.json.minisig").unlink()


@pytest.mark.parametrize("damage", [torn, flipped, incomplete, unsigned])
def test_a_damaged_source_is_refused_and_the_old_build_served(site, make, damage):
    first, bad = make(1), make(2)
    site.add(first)
    before = Boot(site)
    damage(bad)
    done = site.add(bad, check=False)
    assert done.returncode == 1 and "BERTH-P31" in done.stderr and str(bad.folder) in done.stderr, done.stderr
    before.gets(first)
    Boot(site).gets(first)
    assert len(list((site.images / ".berth").iterdir())) == 1, "nothing of it is left"


def test_a_wrongly_signed_or_older_source_is_refused_and_the_old_build_served(site, make, tmp_path):
    first, foreign, older = make(5), make(6, keys=tmp_path / "other-keys"), make(4)
    site.add(first)
    for built, word in ((foreign, "made with key"), (older, "--allow-older")):
        done = site.add(built, check=False, key=False)
        assert done.returncode == 1 and "BERTH-P31" in done.stderr and word in done.stderr, done.stderr
        Boot(site).gets(first)
    site.add(older, "--allow-older", key=False)
    Boot(site).gets(older)


# The calls by which an add changes the folder; of the very many that copy, only the first few. (strace counts each kind of call separately.)
STEPS = {"mkdirat": 99, "write": 4, "linkat": 99, "fsync": 99, "symlinkat": 99, "renameat": 99, "renameat2": 99, "unlinkat": 99}


def killed(site, built, call, n):
    """An add that is killed at its n-th such call, before the kernel does it. False: it has fewer and went to its end."""
    done = subprocess.run(["strace", "-f", "-qq", "-o", site.folder / "strace", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}",
                           site.build / "bin/berthctl", "--database", site.database, "image", "add", "--images", site.images, built.folder],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode in (0, -9, 137), done.stderr
    return done.returncode != 0


def test_an_add_that_is_killed_at_any_step_leaves_the_old_build_or_the_new_one(site, make):
    current = make(1)
    site.add(current)
    switched = {}
    for call, n in ((call, n) for call, most in STEPS.items() for n in range(1, most + 1)):
        if n > 1 and switched.get((call, n - 1)) is None:
            continue  # the add had no such call any more
        source = make(current.version + 1)
        before = Boot(site)
        was_killed = killed(site, source, call, n)
        before.gets(current)
        after = Boot(site)
        switched[call, n] = after.get(after.kernel) == source.files["vmlinuz"] if was_killed else None
        if switched[call, n] is False:
            after.gets(current)
            site.add(source, key=False)
            Boot(site).gets(source)
        else:
            after.gets(source)
        before.gets(current)
        assert was_killed or not [p for p in (site.images / ".berth").iterdir() if p.name.startswith(".")]
        current = source
    # The one rename that switches, and both sides of it.
    assert switched["renameat", 1] is False and switched["symlinkat", 1] is False and switched["renameat2", 1] is False
    kills = [s for s in switched.values() if s is not None]
    assert len(kills) > 20 and True in kills, switched
    for _ in range(4):
        Boot(site).gets(current)
    site.add(current, key=False)
    newest = [os.path.basename(Boot(site).image)]
    wait_until(lambda: [p.name for p in (site.images / ".berth").iterdir()] == newest, 60, "the provisioner's removing the old builds")


def test_what_root_adds_belongs_to_the_provisioners_user_and_is_readable(site, make):
    built = make(1)
    os.chown(site.images, 12345, 12346)
    mask = os.umask(0o077)
    try:
        site.add(built)
    finally:
        os.umask(mask)
    made = [p for p in (site.images / ".berth", *(site.images / ".berth").rglob("*"))]
    assert len(made) > 10
    for path in made:
        info = path.stat()
        assert (info.st_uid, info.st_gid, info.st_mode & 0o777) == (12345, 12346, 0o755 if path.is_dir() else 0o644), path


def test_a_machine_that_meets_another_build_boots_again_three_times_and_then_from_its_disk(site, make):
    site.add(make(1))
    for _ in range(4):
        boot = Boot(site)
        assert boot.post(stage="bootstrap") == boot.post(stage="again", error="BERTH-B07 another build") == 204
    script = site.curl(f"/v1/boot?mac={MAC}&platform=efi")[2].decode()
    assert "kernel " not in script and script.endswith("exit 1\n")
    # When it is switched on the next time it may try again; a prompt makes it all good.
    boot = Boot(site)
    assert boot.post(stage="again") == boot.post(stage="prompt") == 204
    for _ in range(3):
        assert Boot(site).post(stage="again") == 204
    Boot(site)


def test_folders_made_by_hand_are_served_as_ever(site, make):
    built = make(1)
    shutil.rmtree(site.images / "berth")
    shutil.copytree(built.folder, site.images / "berth")
    boot = Boot(site)
    assert boot.image == f"{site.url}/images/berth"
    boot.gets(built)
    newer = make(2)
    site.add(newer)
    Boot(site).gets(newer)
    assert len(list((site.images / ".berth").iterdir())) == 1, "the folder made by hand is gone"
