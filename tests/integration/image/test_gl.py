# SPDX-License-Identifier: GPL-3.0-or-later
"""--gl: Mesa's drivers, and a compositor that draws with them where that works; none of it in the plain image."""
import os
import re
import signal
import subprocess

import pytest

from processes import wait_until
from test_reproducible import checkout

LIBRARIES = "usr/lib/x86_64-linux-gnu"
DRIVERS = [f"{LIBRARIES}/libEGL_mesa.so.0", f"{LIBRARIES}/gbm/dri_gbm.so", f"{LIBRARIES}/libgallium-25.so", f"{LIBRARIES}/libLLVM.so.19", "usr/share/glvnd/egl_vendor.d/50_mesa.json"]
OTHERS = [f"{LIBRARIES}/libEGL.so.1", f"{LIBRARIES}/libc.so.6"]
DROP_IN = "etc/systemd/system/berth-screen.service.d/gl.conf"
COMPOSITOR = "usr/libexec/berth/berth-compositor-gl"
PIECES = "set -euo pipefail; image=$1/image gl=$2; . $image/common.sh; . $image/debian-root.sh; . $image/root.sh; "


def pieces(root, gl, script, *arguments):
    return subprocess.run(["bash", "-c", PIECES + script, "x", root, gl, *arguments], capture_output=True, text=True)


def has_gl(names):
    names = {n.lstrip("/") for n in names}
    return {what for what in ("gbm/", "dri/", "libEGL_mesa", "libgallium-", "libLLVM") if [n for n in names if n.startswith(f"{LIBRARIES}/{what}")]} | \
        {name for name in (DROP_IN, COMPOSITOR) if name in names}


def test_the_plain_image_has_no_gl(squashfs):
    assert has_gl(squashfs.entries) == set()


@pytest.mark.parametrize("gl, kept", [("", []), ("yes", DRIVERS)])
def test_mesas_drivers_stay_with_the_option_only(root, tmp_path, gl, kept):
    for name in [*DRIVERS, *OTHERS, f"{LIBRARIES}/libcups.so.2", "etc/os-release"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    done = pieces(root, gl, 'mapfile -t lists < <(trim_lists); "$image/debian-hook" "$3" "${lists[@]}"', tmp_path)
    assert done.returncode == 0, done.stderr
    left = {str(p.relative_to(tmp_path)) for p in (tmp_path / "usr").rglob("*") if p.is_file()}
    assert left == {*OTHERS, *kept}


def test_an_image_with_gl_and_without_drivers_is_not_built(root, tmp_path):
    (tmp_path / LIBRARIES / "gbm").mkdir(parents=True)
    (tmp_path / LIBRARIES / "libEGL_mesa.so.0").write_text("")
    done = pieces(root, "yes", 'add_gl "$3"', tmp_path)
    assert (done.returncode, done.stderr) == (1, "build-image.sh: --gl: the root has no drivers of Mesa's\n")


CAGE = """#!/bin/sh
# Draws with what FAKE_CAGE names, and ends without its window with anything else.
echo "$WLR_RENDERER" >>"$XDG_RUNTIME_DIR/renderers"
case " $FAKE_CAGE " in *" $WLR_RENDERER "*) shift && exec "$@" ;; esac
exit 1
"""


class Compositor:
    """berth-compositor-gl with a compositor and a viewer of our making."""

    def __init__(self, root, folder):
        self.program, self.folder = root / "image/gl" / COMPOSITOR, folder
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self._script("cage", CAGE)

    def _script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, draws_with, viewer):
        (self.runtime / "renderers").unlink(missing_ok=True)
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(self.runtime), "FAKE_CAGE": draws_with}
        return subprocess.Popen([self.program, self._script("viewer", f"#!/bin/sh\n{viewer}\n")], env=environment, start_new_session=True, stdout=subprocess.DEVNULL)

    def run(self, draws_with, viewer="exit 0"):
        """What it tried to draw with, and how it ended."""
        code = self.start(draws_with, viewer).wait(timeout=60)
        return (self.runtime / "renderers").read_text().split(), code


@pytest.fixture
def compositor(root, tmp_path):
    return Compositor(root, tmp_path)


def test_the_compositor_draws_with_gl_each_time_where_that_works(compositor):
    for _ in range(2):
        assert compositor.run("gles2 pixman") == (["gles2"], 0)


def test_where_gl_cannot_start_it_draws_without_at_once_and_from_then_on(compositor):
    assert compositor.run("pixman") == (["gles2", "pixman"], 0)
    assert compositor.run("pixman") == (["pixman"], 0)


def test_a_compositor_that_ends_badly_with_gl_is_without_it_the_next_time(compositor):
    assert compositor.run("gles2 pixman", "kill -SEGV $$") == (["gles2"], 139)
    assert compositor.run("gles2 pixman") == (["pixman"], 0)


def test_how_it_ends_without_gl_is_told(compositor):
    assert compositor.run("pixman", "exit 3") == (["gles2", "pixman"], 3)
    assert compositor.run("") == (["pixman"], 1)


def test_a_guests_end_is_no_fault_of_gl(compositor):
    """berth-greeter kills all of it, systemd asks all of it to end."""
    for how in (signal.SIGKILL, signal.SIGTERM):
        process = compositor.start("gles2 pixman", ": >$XDG_RUNTIME_DIR/begun; exec sleep 60")
        wait_until((compositor.runtime / "begun").exists, 30, "the viewer", interval=0.02)
        (compositor.runtime / "begun").unlink()
        os.killpg(process.pid, how)
        assert process.wait(timeout=60) == -how
        assert (compositor.runtime / "renderers").read_text().split() == ["gles2"]


@pytest.mark.full_only  # downloads some hundred MB and builds from nothing
def test_an_image_with_gl_has_its_drivers_and_what_they_need(root, tmp_path):
    here = checkout(root, tmp_path / "checkout")
    log = tmp_path / "log"
    with open(log, "w") as f:
        done = subprocess.run(["./build-image.sh", "--version", "1", "--gl"], cwd=here, stdout=f, stderr=subprocess.STDOUT)
    assert done.returncode == 0, log.read_text()[-4000:]
    names = subprocess.run(["unsquashfs", "-l", "-d", "", here / "out/root.squashfs"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert has_gl(names) == {"gbm/", "dri/", "libEGL_mesa", "libgallium-", "libLLVM", DROP_IN, COMPOSITOR}
    assert [n for n in names if re.search(r"/glvnd/egl_vendor\.d/.*mesa\.json$", n)]
