# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into an initramfs."""
import pathlib
import subprocess


def names_in_initrd(path):
    """What is in an initramfs: all its archives."""
    data = pathlib.Path(path).read_bytes()
    names = set()
    starts = [at for at in range(0, len(data), 4096) if data[at:at + 4] == b"\x28\xb5\x2f\xfd"]
    for start, end in zip(starts, starts[1:] + [len(data)]):
        unpacked = subprocess.run(["zstd", "-dcq"], input=data[start:end].rstrip(b"\0"), capture_output=True).stdout
        listing = subprocess.run(["cpio", "-t", "--quiet"], input=unpacked, capture_output=True, check=True).stdout.decode()
        names |= set(listing.splitlines())
    return names
