# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accelerator a test machine gets. An opening /dev/kvm proves nothing (a stock kernel may hang at its first instruction, or the
machine inside may get no virtualisation): KVM counts only when a tiny guest has really booted and says that it could run guests itself."""
import functools
import os
import subprocess
import tempfile

# One processor: docs/decisions/0013.
EMULATED = ["-accel", "tcg,thread=multi", "-cpu", "qemu64,+svm,+npt", "-smp", "1"]
REAL = ["-accel", "kvm", "-cpu", "host", "-smp", "2"]
# For the kernel inside: on a busy host the kernel's check of an emulated timer fails now and then, and it panics.
# nokaslr: System.map has the addresses of a kernel that is not moved (tests/vm/conftest.py).
EMULATED_KERNEL = "no_timer_check nokaslr"

_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox grep -qwE 'svm|vmx' /proc/cpuinfo && echo BERTH-PROBE-OK
/bin/busybox poweroff -f
"""


def make_probe_initramfs(folder):
    """A busybox that looks for svm or vmx and switches off; the archive's path."""
    root = os.path.join(folder, "probe")
    for d in ("bin", "proc", "dev"):
        os.makedirs(os.path.join(root, d), exist_ok=True)
    subprocess.run(["cp", "/bin/busybox", os.path.join(root, "bin/busybox")], check=True)
    with open(os.path.join(root, "init"), "w") as f:
        f.write(_INIT)
    os.chmod(os.path.join(root, "init"), 0o755)
    out = os.path.join(folder, "probe.cpio")
    subprocess.run(f"cd '{root}' && find . | cpio --quiet -o -H newc > '{out}'", shell=True, check=True)
    return out


def boots(arguments, kernel, initramfs, timeout):
    try:
        done = subprocess.run(
            ["qemu-system-x86_64", *arguments, "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
             "-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 panic=-1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    except subprocess.TimeoutExpired:
        return False
    return b"BERTH-PROBE-OK" in done.stdout


@functools.cache
def accelerator(kernel):
    """QEMU's arguments. BERTH_TEST_ACCEL=tcg|kvm decides without a probe."""
    wish = os.environ.get("BERTH_TEST_ACCEL", "")
    if wish == "tcg" or (not wish and not os.access("/dev/kvm", os.R_OK | os.W_OK)):
        return EMULATED
    if wish == "kvm":
        return REAL
    with tempfile.TemporaryDirectory() as folder:
        return REAL if boots(REAL, kernel, make_probe_initramfs(folder), 20) else EMULATED
