# SPDX-License-Identifier: GPL-3.0-or-later
"""The site archive (image/site.sh): laid over the image as the bootstrap does it, by the kernel's overlay of two squashfs files. The image here is a small one, so
that no image has to be built for it."""
import contextlib
import os
import pathlib
import socket
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
NOBODY = 65534


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, **options).stdout


@contextlib.contextmanager
def umask(bits):
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def write(folder, path, text="x\n", mode=None):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    if mode is not None:
        file.chmod(mode)
    return file


def status(path):
    s = os.lstat(path)
    return f"{stat.S_IMODE(s.st_mode):04o} {s.st_uid}:{s.st_gid}"


def as_nobody(root, *paths):
    """Whoever is not root. The folders above the test's own are closed to them, so they begin inside."""
    return subprocess.run(["cat", *paths], cwd=root, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True)


class SiteBuild:
    """An image, a key and a site folder in one folder, and what `make-site` makes of them."""

    def __init__(self, folder, build):
        self.folder, self.build = folder, build
        folder.chmod(0o755)
        image = folder / "image"
        with umask(0o022):
            write(image, "etc/passwd", "root:x:0:0::/:/bin/sh\n")
            os.chown(write(image, "etc/shadow", "root:!*:::::::\n", 0o640), 0, 42)
            write(image, "etc/pam.d/berth")
            write(image, "usr/bin/tool", mode=0o755)
            write(image, "usr/sbin/unix_chkpwd", mode=0o755).chmod(0o2755)
            (image / "tmp").mkdir()
            (image / "tmp").chmod(0o1777)
            (image / "etc/ssl/private").mkdir(parents=True)
            (image / "etc/ssl/private").chmod(0o710)
            os.chown(image / "etc/ssl/private", 0, 43)
            os.symlink("usr/bin", image / "bin")
            os.symlink("/run/systemd/resolve/stub-resolv.conf", image / "etc/resolv.conf")
        image.chmod(0o755)
        (folder / "out").mkdir()
        run("mksquashfs", image, folder / "out/root.squashfs", "-quiet", "-no-progress", "-noappend")
        (folder / "key").mkdir()
        run(build / "bin/berth-image", "keygen", "--secret", folder / "key/image.key", "--public", folder / "key/image.pub")
        self.site = folder / "site"

    def make(self):
        done = subprocess.run([ROOT / "tests/lib/make-site", self.site, self.folder / "out", self.folder / "out/root.squashfs", self.build / "bin/berth-image"],
                              env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "BERTH_KEY_DIR": str(self.folder / "key")},
                              capture_output=True, text=True)
        return done.returncode, done.stderr

    def refusal(self):
        code, said = self.make()
        assert code != 0
        return said

    @contextlib.contextmanager
    def workstation(self):
        """The root that the workstation has: bootstrap/initramfs/real_system.cpp mounts the same layers in the same order."""
        code, said = self.make()
        assert code == 0, said
        places = [self.folder / p for p in ("lower-site", "lower-root", "upper", "newroot")]
        mounted = []
        try:
            for place in places:
                place.mkdir(exist_ok=True)
            for place, file in zip(places, ("site", "root")):
                run("mount", "-t", "squashfs", "-o", "loop,ro", self.folder / f"out/{file}.squashfs", place)
                mounted.append(place)
            run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", places[2])
            mounted.append(places[2])
            for name in ("files", "work"):
                (places[2] / name).mkdir(mode=0o755)
            run("mount", "-t", "overlay", "-o", f"lowerdir={places[0]}:{places[1]},upperdir={places[2]}/files,workdir={places[2]}/work", "overlay", places[3])
            mounted.append(places[3])
            yield places[3]
        finally:
            for place in reversed(mounted):
                run("umount", place)


@pytest.fixture
def world(tmp_path_factory, build):
    return SiteBuild(tmp_path_factory.mktemp("site"), build)


def test_a_site_folder_made_under_umask_077_closes_nothing_of_the_image(world):
    with umask(0o077):
        world.site.mkdir()
        write(world.site, "etc/passwd", "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n")
        write(world.site, "etc/shadow", "ann:secret\n")
        write(world.site, "etc/pam.d/berth", "of the site\n")
        write(world.site, "etc/resolv.conf", "nameserver 10.0.0.1\n")
        write(world.site, "etc/ssl/private/key.pem")
        write(world.site, "tmp/x")
        write(world.site, "usr/bin/tool").chmod(0o700)
    assert status(world.site / "etc") == "0700 0:0"
    with world.workstation() as root:
        for path, wanted in {"": "0755 0:0", "etc": "0755 0:0", "etc/pam.d": "0755 0:0", "usr": "0755 0:0", "usr/bin": "0755 0:0", "tmp": "1777 0:0",
                             "etc/ssl/private": "0710 0:43", "etc/passwd": "0644 0:0", "etc/shadow": "0640 0:42", "etc/pam.d/berth": "0644 0:0",
                             "etc/resolv.conf": "0644 0:0", "usr/bin/tool": "0755 0:0"}.items():
            assert status(root / path) == wanted, path
        read = as_nobody(root, "etc/passwd", "etc/pam.d/berth")
        assert read.returncode == 0 and "ann:x:1000" in read.stdout and "of the site" in read.stdout
        for path in ("etc/shadow", "etc/ssl/private/key.pem"):
            assert as_nobody(root, path).returncode != 0


def test_what_the_image_lacks_keeps_its_mode_and_is_written_by_root_alone(world):
    with umask(0):
        write(world.site, "etc/sssd/sssd.conf", mode=0o600)
        write(world.site, "etc/krb5.keytab", mode=0o440)
        write(world.site, "usr/local/share/note")  # 0666
        os.chown(world.site / "usr/local/share/note", 1000, 1000)
        (world.site / "etc/closed").mkdir(mode=0o700)
        world.site.chmod(0o700)
    code, said = world.make()
    assert code == 0 and "for root alone: etc/closed etc/krb5.keytab etc/sssd/sssd.conf\n" in said
    with world.workstation() as root:
        for path, wanted in {"": "0755 0:0", "etc/sssd": "0755 0:0", "etc/sssd/sssd.conf": "0600 0:0", "etc/krb5.keytab": "0440 0:0", "etc/closed": "0700 0:0",
                             "usr/local/share": "0755 0:0", "usr/local/share/note": "0644 0:0"}.items():
            assert status(root / path) == wanted, path


def test_links_are_the_workstations_and_never_the_builders(world):
    write(world.folder, "secret", "of the builder\n")
    write(world.site, "etc/hosts")
    os.symlink(world.folder / "secret", world.site / "etc/absolute")
    os.symlink("../../../../../../etc/passwd", world.site / "etc/far-up")
    with world.workstation() as root:
        assert os.readlink(root / "etc/absolute") == str(world.folder / "secret")
        # As the workstation sees it.
        assert subprocess.run(["stat", f"/proc/self/root{root}{world.folder}/secret"], capture_output=True).returncode != 0
        assert os.readlink(root / "etc/far-up").endswith("etc/passwd")


@pytest.mark.parametrize("kind", ["fifo", "socket", "whiteout", "setuid", "setgid", "directory over a link", "link over a directory", "file over a directory"])
def test_what_no_site_may_have_is_refused_and_named(world, kind):
    write(world.site, "etc/hosts")
    path = "etc/odd"
    if kind == "fifo":
        os.mkfifo(world.site / path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(world.site / path))
    elif kind == "whiteout":
        path = "etc/passwd"  # It would take the image's away.
        os.mknod(world.site / path, 0o600 | stat.S_IFCHR, 0)
    elif kind in ("setuid", "setgid"):
        path = "usr/bin/tool"
        write(world.site, path).chmod(0o4755 if kind == "setuid" else 0o2755)
    elif kind == "directory over a link":
        path = "bin"
        write(world.site, "bin/mine")
    elif kind == "link over a directory":
        path = "etc/pam.d"
        os.symlink("/tmp", world.site / path)
    else:
        path = "etc/pam.d"
        write(world.site, path)
    said = world.refusal()
    assert path + ":" in said, said
    assert not (world.folder / "out/site").exists()
