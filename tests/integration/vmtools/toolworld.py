# SPDX-License-Identifier: GPL-3.0-or-later
"""`berthctl vm` on users' folders on a file system of their own (a loop device), with users by nss_wrapper."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile

UIDS = {"ann": 1000, "ben": 1001, **{f"pupil{i:02}": 2000 + i for i in range(30)}}
LOCK = {"schema": 1, "client": "m-0007", "host": "berth-7", "user": "ann", "boot_id": "b", "nonce": "0" * 32, "sequence": 1, "mode": "lease",
        "since": "2026-01-01T08:00:00Z"}


def write_users(folder):
    """Files for nss_wrapper; the environment that uses them."""
    passwd, group = folder / "tool-passwd", folder / "tool-group"
    passwd.write_text(pathlib.Path("/etc/passwd").read_text() + "".join(f"{u}:x:{i}:{i}::/:/bin/false\n" for u, i in UIDS.items()))
    group.write_text(pathlib.Path("/etc/group").read_text() + "".join(f"{u}:x:{i}:\n" for u, i in UIDS.items()))
    return {"PATH": os.environ["PATH"], "BERTH_FILES": os.environ["BERTH_FILES"], "LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)}


class Berthctl:
    """Runs `berthctl vm COMMAND` for one place."""

    def __init__(self, build, environment, *place, program="bin/berthctl"):
        self.program, self.environment, self.place = pathlib.Path(build) / program, environment, [str(p) for p in place]

    def command(self, command, *arguments):
        return [str(self.program), "vm", command, *self.place, *map(str, arguments)]

    def run(self, command, *arguments, wrapper=()):
        return subprocess.run([*wrapper, *self.command(command, *arguments)], env=self.environment, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)

    def ok(self, command, *arguments):
        done = self.run(command, *arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def json(self, command, *arguments):
        return json.loads(self.ok(command, "--json", *arguments))

    def refused(self, code, command, *arguments):
        done = self.run(command, *arguments)
        assert done.returncode == 1 and f"BERTH-{code}" in done.stderr, (done.returncode, done.stderr, done.stdout)
        return done.stderr


class Tools:
    def __init__(self, build, filesystem="ext4", mib=1024):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-vmtools-"))
        self.folder.chmod(0o755)
        self.users = self.folder / "users"
        self.users.mkdir()
        device = self.folder / "device"
        with open(device, "wb") as f:
            f.truncate(mib << 20)
        make = {"ext4": ["mkfs.ext4", "-q", "-m", "0"], "xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"]}[filesystem]
        subprocess.run([*make, device], check=True)
        subprocess.run(["mount", "-o", "loop", device, self.users], check=True)
        self.users.chmod(0o755)
        shutil.rmtree(self.users / "lost+found", ignore_errors=True)
        for user in ("ann", "ben"):
            (self.users / user).mkdir(mode=0o700)
            os.chown(self.users / user, UIDS[user], UIDS[user])
        self.ctl = Berthctl(build, write_users(self.folder), "--directory", self.users)
        self.lab = Berthctl(build, self.ctl.environment, "--directory", self.users, program="bin/berth-lab/berthctl")

    def path(self, name, file=""):
        return self.users / name / file

    def names(self, user="ann"):
        return sorted(os.listdir(self.users / user))

    def lock(self, name, number=1):
        (self.path(name, f"lock.{number}")).write_text(json.dumps(LOCK) + "\n")

    def image(self, fmt, name="disk", mib=8, options=()):
        """An image of that format with known bytes at its begin, in its middle and at its end; and those bytes as a file."""
        raw, image = self.folder / f"{name}.bytes", self.folder / f"{name}.{fmt}"
        data = random.Random(name)
        with open(raw, "wb") as f:
            f.truncate(mib << 20)
            for at in (0, (mib << 19) + 4096, (mib << 20) - 65536):
                f.seek(at)
                f.write(data.randbytes(65536))
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", fmt, *(["-o", *options] if options else []), raw, image], check=True)
        return image, raw

    def close(self):
        subprocess.run(["umount", self.users], check=True)
        shutil.rmtree(self.folder)


def ovf(disks, cpus=3, memory=96, firmware="", card="VmxNet3"):
    """An OVF description as VMware writes it."""
    ns = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"

    def item(number, kind, **fields):
        return "<Item>" + "".join(f"<rasd:{k}>{v}</rasd:{k}>" for k, v in sorted({**fields, "InstanceID": number, "ResourceType": kind}.items())) + "</Item>"

    files = "".join(f'<File ovf:href="{d}" ovf:id="file{i}"/>' for i, d in enumerate(disks))
    sections = "".join(f'<Disk ovf:capacity="8" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="d{i}" ovf:fileRef="file{i}"/>'
                       for i, _ in enumerate(disks))
    items = item(1, 3, VirtualQuantity=cpus) + item(2, 4, VirtualQuantity=memory, AllocationUnits="byte * 2^20") + item(3, 6, ResourceSubType="lsilogic")
    items += "".join(item(10 + i, 17, AddressOnParent=i, Parent=3, HostResource=f"ovf:/disk/d{i}") for i, _ in enumerate(disks))
    items += item(5, 10, ResourceSubType=card)
    return (f'<?xml version="1.0"?><Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" '
            f'xmlns:rasd="{ns}" xmlns:vmw="http://www.vmware.com/schema/ovf"><References>{files}</References><DiskSection>{sections}</DiskSection>'
            f'<VirtualSystem ovf:id="x"><VirtualHardwareSection>{items}{firmware}</VirtualHardwareSection></VirtualSystem></Envelope>')


def make_ova(folder, disks, description=None):
    """An OVA by tar(1)."""
    (folder / "x.ovf").write_text(description or ovf([d.name for d in disks]))
    subprocess.run(["tar", "--format=ustar", "-C", folder, "-cf", folder / "x.ova", "x.ovf", *[d.name for d in disks]], check=True)
    return folder / "x.ova"


def flat(path):
    return pathlib.Path(path).read_bytes()
