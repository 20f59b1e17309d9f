# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that are there for their screens: Debian's installer on a CD and a small desktop (tests/vm/guests), each in the folder of a user's VM."""
import os
import pathlib
import uuid

from processes import run

MAKERS = pathlib.Path(__file__).resolve().parent.parent / "vm" / "guests"


def made(variable, maker):
    """The folder of what `maker` makes. tests/run makes it before and tells it, for a network of their own reaches no archive of Debian's."""
    return pathlib.Path(os.environ.get(variable) or run(MAKERS / maker, timeout=1800).strip())


def installer_cd():
    return made("BERTH_INSTALLER", "make_installer") / "mini.iso"


def desktop_disk():
    return made("BERTH_DESKTOP", "make_desktop") / "software.raw"


def disk(name, role="software", bus="virtio"):
    return f'\n[[disk]]\nname = "{name}"\nrole = "{role}"\nbus = "{bus}"\npath = "{name}"\n'


def make_vm(files, name, keys, tables, **contents):
    """The VM `name` of a user: machine.toml of `keys`, [screen] and [network] in `tables`, and a disk for each of `contents`: a copy of that file,
    or so many MiB of nothing. The file server runs already and must not have been asked for this folder before."""
    folder = files.vm(name)
    folder.mkdir()
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{files.person.name}.test")
    (folder / "machine.toml").write_text(f'schema = 1\nuuid = "{identity}"\n{keys}\n{tables}\n')
    for disk_name, content in contents.items():
        if isinstance(content, int):
            with open(folder / disk_name, "wb") as blank:
                blank.truncate(content << 20)
        else:
            run("cp", "--sparse=always", content, folder / disk_name)
    files.own()
    return folder


def installer(files):
    """What a new VM is: an empty disk, and the installation medium behind it."""
    return make_vm(files, "installer", 'memory = "1024 MiB"', '[screen]\nmodel = "virtio"\n\n[network]\nmode = "none"\n'
                   + disk("software") + disk("cd", "cdrom", "sata"), software=2048, cd=installer_cd())


def desktop(files, resolution):
    return make_vm(files, "desktop", 'memory = "512 MiB"', f'[screen]\nresolution = "{resolution}"\n\n[network]\nmode = "none"\n'
                   + disk("software"), software=desktop_disk())
