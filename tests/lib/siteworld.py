# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole site of the VM tests: the Lan with every server, the users' directories, the image with its test site archive, and
workstations that boot from it."""
import os
import pathlib
import re

import lan as l
from lan import Lan
from people import people
from processes import LabError, run
from testsite import make_site
from userfiles import UserFiles
from workstation import DirectBoot, Workstation

LIB = pathlib.Path(__file__).resolve().parent
ROOT = LIB.parent.parent
IMAGE = "berth"
SITE = "site"


def signing_key():
    """The public half of the key that build-image.sh signs with (image/sign.sh)."""
    home = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config")
    return pathlib.Path(os.environ.get("BERTH_KEY_DIR") or home / "berth") / "image.pub"


class SiteWorld:
    def __init__(self, folder, build, out):
        self.folder = pathlib.Path(folder)
        self.out = pathlib.Path(out)
        self.lan = Lan(self.folder, build, out)
        self._numbers = iter(range(1, 200))
        self.workstations = []
        self.guest = None
        try:
            self._make_files()
            self._make_servers()
            self._make_site()
        except BaseException:
            self.close()
            raise

    def close(self):
        for w in self.workstations:
            w.cut_power()
        self.lan.close()

    # -- the users' files -----------------------------------------------------------------------------------------------------
    def _make_files(self):
        lan = self.lan
        read_only = self.folder / "export-read-only"
        self.small = lan.small_file_system("export-small", 96)
        self.quota = lan.quota_file_system("export-quota", 512)
        roots = {l.ADDRESS: lan.export / "users", l.READ_ONLY: read_only, l.SMALL: self.small, l.QUOTA: self.quota,
                 l.NOBODY: pathlib.Path("/export/users")}
        self.directories = {p.name: roots[p.server] / p.name for p in people.values()}
        self.templates = self.folder / "templates"
        for vm in {vm for p in people.values() for vm in p.vms}:
            self.make_vm(self.templates, vm)
        self.files = {}
        for p in people.values():
            if p.server != l.NOBODY:
                self.files[p.name] = UserFiles(self.directories[p.name], p).make(self.templates)

    def make_vm(self, folder, name):
        """A VM as the image build's own tool makes it: a tiny Linux with a boot loader on its own disk, little memory, a swap disk."""
        # BERTH_GUEST: a guest that make-guest has made; asking it again waits for any image build that is running.
        self.guest = self.guest or os.environ.get("BERTH_GUEST") or run(ROOT / "image" / "guest" / "make-guest", timeout=1800).strip()
        run(ROOT / "image" / "guest" / "make-vm", folder, "--name", name, "--memory", "128", "--swap", "256", "--files", "16",
            "--guest", self.guest, "--network", "bridge" if name == "bridged" else "nat", "--screen", "virtio" if name == "window" else "none",
            timeout=900)

    def _make_servers(self):
        lan = self.lan
        lan.start_provisioner()
        lan.start_dnsmasq()
        lan.start_ntp()
        self.page_text = "This page came over NAT.\n"
        self.page_url = lan.start_page(self.page_text)
        self.file_server = lan.start_file_server("main", l.ADDRESS, lan.export)
        lan.start_file_server("read-only", l.READ_ONLY, self.directories["rita"].parent, "--ro")
        lan.start_file_server("small", l.SMALL, self.small)
        lan.start_file_server("quota", l.QUOTA, self.quota)

    # -- the image ------------------------------------------------------------------------------------------------------------
    def _make_site(self):
        folder = make_site(self.folder / "site-tree", self.out / "root.squashfs", self.directories)
        run(LIB / "make-site", folder, self.folder / "site-out", self.out / "root.squashfs", self.lan.build / "bin" / "berth-image", timeout=300)
        # Links to builds of their own, so that a test may damage one.
        self.image_folder = self.lan.images / IMAGE
        self.site_folder = self.lan.images / SITE
        for name, source in ((IMAGE, self.out / "image"), (SITE, self.folder / "site-out" / "site")):
            self.lan.ctl("image", "add", "--images", self.lan.images, "--key", signing_key(), "--name", name, source)

    # -- workstations ---------------------------------------------------------------------------------------------------------
    def workstation(self, name, enrol=True, console="ttyS0", bridge="", **options):
        w = Workstation(self.lan, name, next(self._numbers), **options)
        self.workstations.append(w)
        if enrol:
            self.lan.ctl("machine", "add", "--name", name, "--mac", w.mac, "--mode", "network", "--console", console, "--image", IMAGE,
                         "--site", SITE, "--data", "auto", *(("--bridge", bridge) if bridge else ()))
        return w

    def boot_script(self, w, platform="pcbios"):
        return self.lan.fetch(f"{self.lan.url}/v1/boot?mac={w.mac}&uuid={w.uuid}&serial={w.serial}&platform={platform}")

    def direct(self, w, extra=""):
        """What iPXE would load for this machine now, with its token; the kernel's command line word for word, `extra` behind it."""
        script = self.boot_script(w)
        m = re.search(r"(?m)^kernel .*?(https?://\S+/vmlinuz) (.*?)(?: \|\|.*)?$", script)
        if not m:
            raise LabError(f"the provisioner's script starts no kernel:\n{script}")
        words = [word for word in m[2].split() if not word.startswith("initrd=")]
        return DirectBoot(self.out / "vmlinuz", self.out / "initrd.img", " ".join([*words, extra]).strip())

    def machine(self, w):
        """The provisioner's row for it."""
        for m in self.lan.ctl_json("machine", "list"):
            if m["name"] == w.name:
                return m
        raise LabError(f"no machine {w.name}")
