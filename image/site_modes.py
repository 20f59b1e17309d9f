#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_modes.py TREE ROOT_SQUASHFS: gives a private copy of a site folder the owners and modes of a layer over that image's root.

A layer's folders and files hide the image's with theirs, owner and mode too, so what the image has keeps the image's: a folder made under umask 077 would
close /etc to every user but root. What the image lacks becomes root's, keeps its mode, and is written by its owner alone. Standard error names what is then for root
alone. What a layer must not have is an error: special files (a device 0/0 takes the image's file away), programs that run as someone else, and a folder, file or link
where the image has another kind. Links need no check: they are followed on the workstation only."""
import os
import stat
import subprocess
import sys

KINDS = {"d": stat.S_IFDIR, "-": stat.S_IFREG, "l": stat.S_IFLNK}
BITS = {"r": 4, "w": 2, "x": 1, "s": 1, "t": 1}


def parse_mode(text):
    """The number of ls's "drwxr-xr-t"; set-id bits are left out, for a site's file may not have them."""
    mode = 0o1000 if text[9] in "tT" else 0
    for i, letter in enumerate(text[1:10]):
        mode |= BITS.get(letter, 0) << 6 - i // 3 * 3
    return mode


def image_entries(squashfs):
    """path -> (kind, mode, uid, gid, link's target) of folders, files and links."""
    entries = {}
    listing = subprocess.run(["unsquashfs", "-lln", "-d", "", squashfs], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and len(fields[0]) == 10 and fields[0][0] in KINDS:
            name, _, target = fields[5].partition(" -> ")
            uid, gid = fields[1].split("/")
            entries[name.lstrip("/")] = (KINDS[fields[0][0]], parse_mode(fields[0]), int(uid), int(gid), target)
    return entries


def fault(path, mode, image):
    """Why the site may not have it, or nothing."""
    kind = stat.S_IFMT(mode)
    if kind not in KINDS.values():
        return "only folders, files and links can be in a site archive"
    if kind == stat.S_IFREG and mode & (stat.S_ISUID | stat.S_ISGID):
        return "a setuid or setgid program cannot be in a site archive"
    if image is None:
        return None
    if (kind == stat.S_IFDIR) != (image[0] == stat.S_IFDIR):
        return f"the image has a link to {image[4]} there: put the files into that folder" if image[0] == stat.S_IFLNK else \
            "the image has a folder there" if image[0] == stat.S_IFDIR else "the image has a file there"
    return None


def wanted(mode, image):
    """The mode and owner of a folder or file."""
    if image is None:
        return mode & 0o755, 0, 0
    if image[0] == stat.S_IFLNK:
        # Everyone may read a link.
        return mode & 0o755 | (0o755 if mode & 0o100 else 0o644), 0, 0
    return image[1:4]


def walk(tree):
    """(path, its lstat) of everything below and of the tree itself, which is ""."""
    yield "", os.lstat(tree)
    for folder, folders, files in os.walk(tree):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, tree), os.lstat(path)


def main(tree, squashfs):
    image = image_entries(squashfs)
    image[""] = (stat.S_IFDIR, 0o755, 0, 0, "")
    faults, private, changes = [], [], []
    for path, status in walk(tree):
        why = fault(path, status.st_mode, image.get(path))
        if why:
            faults.append(f"{path}: {why}")
        elif stat.S_ISLNK(status.st_mode):
            changes.append((path, None, 0, 0))
        else:
            mode, uid, gid = wanted(status.st_mode, image.get(path))
            changes.append((path, mode, uid, gid))
            if path not in image and not mode & 0o004:
                private.append(path)
    if faults:
        sys.exit("site: " + "\nsite: ".join(faults))
    for path, mode, uid, gid in changes:
        os.chown(os.path.join(tree, path), uid, gid, follow_symlinks=False)
        if mode is not None:
            os.chmod(os.path.join(tree, path), mode)
    if private:
        print("for root alone:", *sorted(private), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
