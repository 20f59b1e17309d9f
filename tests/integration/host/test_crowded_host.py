# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of each kind on a host whose users, names, services and settings collide with theirs (crowded-host)."""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent


def on_a_crowded_host(build, *command):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BERTH_OWN_MACHINE", "PYTEST_"))}
    done = subprocess.run([HERE / "crowded-host", *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          env={**environment, "BERTH_BUILD": str(build)})
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}"
    return done.stdout


def test_the_crowded_host_has_users_hosts_and_services_of_its_own(build):
    said = on_a_crowded_host(build, "bash", "-c", "id -u ann; getent hosts fs1; hostname; rpcinfo -s")
    assert "4001\n203.0.113.9" in said and "\nfs1\n" in said and "100003" in said


def test_a_machine_of_their_own_has_nobody_of_the_crowded_host(root, build):
    said = on_a_crowded_host(build, root / "tests/lib/own-machine", "bash", "-c",
                             "for name in ann many _berth-volume; do getent passwd $name group $name && echo met $name; done; getent hosts fs2 && echo met fs2; "
                             "[ -e /run/rpcbind.sock ] && echo met a port mapper; hostname; getent hosts localhost; id -u libvirt-qemu")
    assert "met" not in said and "berth-tests" in said and "64055" in said


@pytest.mark.parametrize("tests", [
    "tests/integration/session/test_session.py::test_the_user_chooses_among_vms_and_the_other_one_is_untouched",
    "tests/integration/vmtools/test_vm_tools.py::test_a_new_vm_is_listed_shown_checked_and_removed",
])
def test_pytest_runs_on_a_crowded_host(root, build, tests):
    assert "1 passed" in on_a_crowded_host(build, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", root / tests)


def test_ctest_runs_on_a_crowded_host(build):
    """PAM with users, an NFS server that registers, libvirt with a network."""
    tests = r"^(Pam\..*|UserDirectoryOnServer\.takes_and_releases_a_lock|Vm\.joins_a_bridge_and_a_libvirt_network)$"
    said = on_a_crowded_host(build, "ctest", "--test-dir", build.resolve(), "-R", tests, "--no-tests=error")
    assert "100% tests passed" in said and all(t in said for t in ("Pam.", "takes_and_releases_a_lock", "joins_a_bridge")), said
