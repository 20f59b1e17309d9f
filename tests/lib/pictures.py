# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a screen, and the checked-in ones that they are compared with (tests/vm/pictures)."""
import os
import pathlib

from PIL import Image, ImageChops, ImageStat

from processes import wait_until

PICTURES = pathlib.Path(__file__).resolve().parents[1] / "vm" / "pictures"


def part(picture, box=None):
    return Image.open(picture).convert("L").crop(box)


def difference(one, other):
    """Part of the pixels that differ by more than a little."""
    assert one.size == other.size
    return ImageStat.Stat(ImageChops.difference(one, other).point(lambda v: 255 if v > 40 else 0)).mean[0] / 255


def looks_like(take, path, name, timeout, box=None):
    """Until the screen (or that box of it) is the picture of that name, but for one pixel in a hundred. `take(path)` takes it, and returns
    its path. BERTH_WRITE_PICTURES keeps it anew."""
    reference = PICTURES / name
    if os.environ.get("BERTH_WRITE_PICTURES"):
        Image.open(take(path)).convert("P", palette=Image.Palette.ADAPTIVE, colors=16).save(reference, optimize=True)
    wait_until(lambda: difference(part(take(path), box), part(reference, box)) < 0.01, timeout, f"a screen like {reference}", interval=1)
