# SPDX-License-Identifier: GPL-3.0-or-later
"""A workstation: QEMU in the Lan's namespace, its terminal on a serial line, a blank data disk, a switch to cut its power."""
import json
import re
import shutil
import time
import uuid

from accel import EMULATED, EMULATED_KERNEL, accelerator
from agent import Agent
from monitor import Monitor
from processes import LabError, Process, connect_unix, run, wait_until
from qmp import Qmp
from screen import Screen

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
KEYBOARD = "usb-kbd,id=keyboard,bus=usb.0,port=1"  # of a workstation with a display


def uefi_network_boot(*without):
    """QEMU's arguments for OVMF's own PXE, which fetches ipxe.efi: Debian 13's card ROMs hold a driver for UEFI and no iPXE, and OVMF boots from
    the network only where it finds a source of random numbers. `without`: families (IPv4, IPv6) for which it does not try."""
    rng = ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]
    return rng + [word for family in without for word in ("-fw_cfg", f"name=opt/org.tianocore/{family}PXESupport,string=n")]


class DirectBoot:
    """Kernel, initramfs and command line handed over by QEMU where iPXE is not the point."""

    def __init__(self, kernel, initramfs, command_line):
        self.kernel, self.initramfs, self.command_line = kernel, initramfs, command_line


class Workstation:
    """Off until power_on(). `boot` is a DirectBoot, or None: the firmware boots from the network, then from `local_disk`."""

    def __init__(self, lan, name, number, boot=None, firmware="bios", nic="virtio-net-pci", memory_mib=3072, data_disk=True,
                 local_disk=None, kernel_for_probe=None, display=None):
        if firmware not in ("bios", "uefi"):
            raise LabError(f"firmware {firmware}: bios or uefi")
        self.lan, self.name, self.boot, self.firmware, self.nic = lan, name, boot, firmware, nic
        self.memory_mib = memory_mib
        self.display = display  # "1280x800": a monitor that the kernel's DRM knows, a keyboard and a tablet by USB
        self.mac = f"52:54:00:77:00:{number:02x}"
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.workstation.test"))
        self.serial = f"LAB-{number:04d}"
        self.folder = lan.folder / name
        self.folder.mkdir()
        self.tap = lan.tap()
        self.local_disk = local_disk
        self.accel = accelerator(str(kernel_for_probe or lan.out / "vmlinuz"))
        # QEMU's RAM and devices are saved beside the data (savevm), so every writable disk is qcow2.
        self.state_disk = self._qcow2("state", 64)
        self.data_disk = self._qcow2("data", 8192) if data_disk else None
        if firmware == "uefi":
            shutil.copyfile(OVMF_VARS, self.folder / "vars.fd")
        self._saved_screens = {}
        self.process = self.qmp = self.screen = self.agent = None

    def _qcow2(self, name, mebibytes):
        path = self.folder / f"{name}.qcow2"
        run("qemu-img", "create", "-q", "-f", "qcow2", path, f"{mebibytes}M")
        return path

    def set_boot(self, boot):
        self.boot = boot

    def arguments(self):
        f = self.folder
        a = ["qemu-system-x86_64", "-name", self.name, "-machine", "q35", *self.accel, "-m", str(self.memory_mib),
             "-nodefaults", "-no-user-config", "-uuid", self.uuid, "-smbios", f"type=1,serial={self.serial},manufacturer=Lab,product=Desk",
             "-display", "none", *self._graphics(), "-rtc", "base=utc",
             "-chardev", f"socket,id=console,path={f}/console.sock,server=on,wait=off", "-serial", "chardev:console",
             "-chardev", f"socket,id=qmp,path={f}/qmp.sock,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
             "-device", "virtio-serial-pci",
             "-chardev", f"socket,id=agent,path={f}/agent.sock,server=on,wait=off",
             "-device", "virtserialport,chardev=agent,name=berth.test.agent",
             # A state that is loaded in another process gets other random numbers (the kernel's vmgenid driver): transaction ids, ports, nonces.
             "-device", "vmgenid,guid=auto",
             "-netdev", f"tap,id=lan,ifname={self.tap},script=no,downscript=no",
             "-device", f"{self.nic},netdev=lan,mac={self.mac}" + ("" if self.boot else ",bootindex=1")]
        if self.firmware == "uefi":
            a += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}", "-drive", f"if=pflash,format=raw,file={f}/vars.fd"]
            a += uefi_network_boot("IPv6")
        if self.boot:
            words = [self.boot.command_line, *([EMULATED_KERNEL] if self.accel == EMULATED else [])]
            a += ["-kernel", self.boot.kernel, "-initrd", self.boot.initramfs, "-append", " ".join(words)]
        if self.local_disk:
            # Raw and never written to (a snapshot in memory), so that the same file may stand in every machine.
            a += ["-drive", f"if=none,id=local,file={self.local_disk},format=raw,snapshot=on", "-device", "ide-hd,drive=local,bus=ide.0,bootindex=2"]
        if self.data_disk:
            a += ["-drive", f"if=none,id=data,file={self.data_disk},format=qcow2,discard=unmap", "-device", "virtio-blk-pci,drive=data,serial=data"]
        # Holds the saved machine states; no device of the workstation.
        a += ["-blockdev", f"driver=qcow2,node-name=states,file.driver=file,file.filename={self.state_disk}"]
        return a

    def unplug_keyboard(self):
        self.qmp("device_del", id="keyboard")

    def plug_keyboard(self):
        driver, *properties = KEYBOARD.split(",")
        self.qmp("device_add", driver=driver, **dict(p.split("=") for p in properties))

    def monitor(self):
        return Monitor(self.folder / "monitor.sock", *map(int, self.display.split("x")))

    def _graphics(self):
        if not self.display:
            return ["-vga", "std"]
        width, height = self.display.split("x")
        return ["-device", f"virtio-vga,id=vga0,xres={width},yres={height}", "-device", "qemu-xhci,id=usb", "-device", KEYBOARD, "-device", "usb-tablet",
                "-vnc", f"unix:{self.folder}/monitor.sock",  # for a monitor that is plugged out
                # A sound card, and what another one needs that is plugged in.
                "-audiodev", "none,id=sound", "-device", "intel-hda,id=hda", "-device", "hda-output,audiodev=sound"]

    # -- power --------------------------------------------------------------------------------------------------------------
    def power_on(self, state=None):
        """`state`: a state saved in an earlier life of this machine (same boot, same disks)."""
        if self.process and self.process.running():
            raise LabError(f"{self.name} is on")
        for s in ("console", "qmp", "agent"):
            (self.folder / f"{s}.sock").unlink(missing_ok=True)
        self.powered_on_at = time.monotonic()
        self.process = Process(self.arguments() + ["-S"], self.folder / "qemu.log", netns=self.lan.netns)
        try:
            self.qmp = Qmp(self.folder / "qmp.sock", self.process)
            line = connect_unix(self.folder / "console.sock", 60, "the serial line")
            self.screen = Screen(line, self.folder / "console.log")
            self.agent = Agent(self.folder / "agent.sock")
            if state:
                self.load(state)
            else:
                self.powered_on_at = time.monotonic()
                self.qmp("cont")
        except BaseException:
            self.cut_power()
            raise
        return self

    def cut_power(self):
        """The plug is pulled: nothing inside gets to know."""
        for part in (self.qmp, self.screen, self.agent):
            if part:
                part.close()
        self.qmp = self.screen = self.agent = None
        if self.process:
            self.process.kill()
            self.process = None

    def wait_off(self, timeout=120):
        """Until the machine has switched itself off."""
        self.process.wait(timeout)
        self.cut_power()

    def on(self):
        return bool(self.process and self.process.running())

    # -- states -------------------------------------------------------------------------------------------------------------
    def save(self, name):
        """Memory, devices and disks under `name`; the machine runs on."""
        screen = self.screen.state()
        text = self.qmp.monitor(f"savevm {name}")
        if text.strip():
            raise LabError(f"savevm {name}: {text.strip()}")
        self._saved_screens[name] = screen

    def load(self, name):
        text = self.qmp.monitor(f"loadvm {name}")
        if text.strip():
            raise LabError(f"loadvm {name}: {text.strip()}")
        self.screen.restore(self._saved_screens[name])
        if self.qmp("query-status")["status"] != "running":
            self.qmp("cont")

    def network_bytes(self):
        """What has gone over its cable, both ways."""
        link = json.loads(self.lan.ip("-s", "-j", "link", "show", "dev", self.tap))[0]["stats64"]
        return link["rx"]["bytes"] + link["tx"]["bytes"]

    # -- looking ------------------------------------------------------------------------------------------------------------
    def picture(self, path):
        """The graphical adapter's picture, as PPM."""
        self.qmp("screendump", filename=str(path))

    def virtual_terminal(self, number=1):
        """Text of a virtual terminal, by the agent."""
        text = self.agent(f"fold -w $(stty -F /dev/tty{number} size | cut -d' ' -f2) /dev/vcs{number}")
        return "\n".join(line.rstrip() for line in text.splitlines()).rstrip()

    def wait_virtual_terminal(self, pattern, number=1, timeout=240):
        shown = ""

        def look():
            nonlocal shown
            shown = self.virtual_terminal(number)
            return re.search(pattern, shown)
        try:
            return wait_until(look, timeout, f"waiting for {pattern!r} on tty{number}", interval=0.5)
        except LabError as e:
            raise AssertionError(f"{e}. The screen:\n{shown}") from None
