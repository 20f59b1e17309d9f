# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the VM tests. One site for the whole run; one workstation is booted to its prompt once and every test that only needs a
prompt starts from that saved state. docs/testing.md tells how to look at a failed test."""
import os
import pathlib
import re
import shutil
import tempfile
import time

import pytest
from _pytest.runner import runtestprotocol

import lan as l
from greeter import ASKS_NAME, GUEST_READY, Greeter
from invariants import client_is_clean
from people import people
from siteworld import SiteWorld

PROMPT = "prompt"
_worlds = []


@pytest.fixture(scope="session")
def world(build, out, root, pytestconfig):
    """The site. Its folder is on a disk (images and VMs are large) and goes at the end, unless BERTH_KEEP says otherwise."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-vm-", dir=os.environ.get("BERTH_TMP", "/var/tmp")))
    folder.chmod(0o755)
    world = SiteWorld(folder, build, out)
    _worlds.append(world)
    try:
        yield world
    finally:
        _worlds.remove(world)
        world.close()
        # Two runs at a time may share the checkout: each by the name of its results.
        keep = root / "out" / "log" / pathlib.Path(pytestconfig.option.xmlpath or "vm").stem
        shutil.rmtree(keep, ignore_errors=True)
        keep.mkdir(parents=True)
        for log in folder.glob("**/*.log"):
            shutil.copyfile(log, keep / "-".join(log.relative_to(folder).parts))
        if not os.environ.get("BERTH_KEEP"):
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def booted(world):
    """A workstation on its serial console at the greeter's prompt, saved there as PROMPT."""
    w = world.workstation("desk")
    w.set_boot(world.direct(w))
    w.power_on()
    greeter = Greeter(w.screen)
    greeter.wait_prompt()
    settle(w)
    w.save(PROMPT)
    yield w
    w.cut_power()


def settle(w):
    """Until the machine has nothing of its own boot to do any more: what is saved here is what every test starts with."""
    w.agent("systemctl is-system-running --wait || systemctl --no-legend list-units --failed >&2", timeout=600)
    client_is_clean(w.agent, timeout=300)
    w.agent("virsh -q list >/dev/null && sync")


class Desk:
    """The booted workstation at its prompt, as one test sees it."""

    def __init__(self, world, machine):
        self.world, self.machine = world, machine

    @property
    def screen(self):
        return self.machine.screen

    @property
    def agent(self):
        return self.machine.agent

    @property
    def greeter(self):
        return Greeter(self.machine.screen)

    @property
    def client(self):
        """This workstation's id at the provisioner."""
        return self.world.machine(self.machine)["id"]

    def again(self):
        """From the saved state once more."""
        at_the_prompt(self.world, self.machine)


def at_the_prompt(world, machine):
    if machine.on():
        machine.load(PROMPT)
    else:
        machine.power_on(PROMPT)
    desk = Desk(world, machine)
    desk.greeter.wait_prompt(60)
    return desk


@pytest.fixture
def desk(request, world, booted):
    desk = at_the_prompt(world, booted)
    request.node.workstation = booted
    yield desk


def make_all_stand_still():
    """Two emulated machines halve each other. Loading its state wakes the booted one."""
    for world in _worlds:
        for w in world.workstations:
            if w.on():
                w.qmp("stop")


@pytest.fixture
def machine(request, world):
    """Makes further workstations for one test; off and forgotten after it. The booted one stands still meanwhile."""
    made = []
    make_all_stand_still()

    def make(name, **options):
        w = world.workstation(name, **options)
        made.append(w)
        request.node.workstation = w
        return w
    yield make
    for w in made:
        w.cut_power()


@pytest.fixture(scope="session")
def display(world):
    """A workstation with a monitor, at its prompt."""
    from test_l_screen import Display  # not above: it imports from here
    make_all_stand_still()
    w = world.workstation("display", console="tty1", display="1280x800")
    w.set_boot(world.direct(w))
    w.power_on()
    w.agent("true", timeout=600)
    w.wait_virtual_terminal(ASKS_NAME, timeout=600)
    w.agent("systemctl is-system-running --wait || true", timeout=600)
    yield Display(w)
    w.cut_power()


@pytest.fixture
def person():
    return people


# For a guest that says nothing: its processor's state, its disks' requests, and what QEMU's threads do, twice.
_GUEST = r"""for i in 1 2; do
    cat /proc/uptime
    for d in $(virsh -q list --name); do
        for what in 'info registers' 'info lapic' 'info blockstats'; do virsh -q qemu-monitor-command --hmp $d "$what"; done
    done
    for p in $(pidof qemu-system-x86_64); do for t in /proc/$p/task/*; do cut -d' ' -f1-3,14,15 $t/stat; done; done
    sleep 2
done 2>&1; true"""


def _processors(qmp):
    """Of a machine that does not even answer its agent: where its processors are, again and again, and what their kernel's stacks and
    interrupt controllers hold. The kernel is not moved (accel.EMULATED_KERNEL): its System.map names the addresses."""
    said = []
    for n in range(6):
        said += [line for line in qmp.monitor("info registers -a").splitlines() if re.match(r"CPU#|R[A-Z0-9]+ ?=|CR|EFER", line)]
        time.sleep(0.3)
    for n in range(len(qmp("query-cpus-fast"))):
        for line in (f"cpu {n}", f"info lapic {n}", "x /256gx $rsp"):
            said += ["# " + line, qmp.monitor(line)]
    return "\n".join(said)


_IN_ITS_BOOT_LOADER = r"SYSLINUX|Booting from Hard Disk"


def workstation_of(item):
    """The test's own, or where a fixture of several tests failed the one that is on."""
    return getattr(item, "workstation", None) or next((w for world in _worlds for w in world.workstations if w.on()), None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its workstation showed, and what the journal says."""
    report = (yield).get_result()
    if not report.failed or call.when == "teardown":
        return
    w = workstation_of(item)
    if w is None or not w.on():
        return
    shown = w.screen.text()
    report.sections.append(("screen", shown))
    item.stood_still = bool(re.search(_IN_ITS_BOOT_LOADER, shown)) and not re.search(GUEST_READY, shown)
    try:
        report.sections.append(("journal", w.agent("journalctl -b --no-pager -o short-monotonic | tail -n 150", timeout=30)))
    except Exception as e:
        report.sections.append(("journal", f"not to be had: {e}"))
        report.sections.append(("processors", _processors(w.qmp)))
        item.stood_still = True
        return
    try:
        report.sections.append(("guest", w.agent(_GUEST, timeout=120)))
    except Exception as e:
        report.sections.append(("guest", f"not to be had: {e}"))


def after_standing_still(item):
    """Ready for the test once more: what the machine held on the servers is given back as after any power cut, by its next boot."""
    for world in _worlds:
        for w in world.workstations:
            if w.on():
                w.cut_power()
                w.set_boot(world.direct(w))
                w.power_on()
                Greeter(w.screen).wait_prompt()
                client_is_clean(w.agent, timeout=300)
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:  # a fixture that failed is remembered as failed
            if definition.cached_result and definition.cached_result[2] is not None:
                definition.cached_result = None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """An emulated workstation that stands still as a whole (docs/testing.md, "What was learnt": not even its agent answers), or whose guest
    does so before its kernel speaks, says nothing about Berth: such a test, and no other, is run once more, with all that was to be seen in the
    log. tests/run prints its name; the second one of a run is a failure. What fails twice has failed."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if getattr(item, "stood_still", False):
        seen = "\n".join(f"-- {name}\n{text}" for r in reports for name, text in r.sections)
        item.warn(pytest.PytestWarning(f"the emulated workstation or its guest stood still; run once more\n{seen}"))
        item.stood_still = False
        logs = pathlib.Path(__file__).resolve().parents[2] / "out/log"
        logs.mkdir(parents=True, exist_ok=True)
        with open(logs / "run-again", "a") as again:
            again.write(f"{item.nodeid}\n")
        after_standing_still(item)
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
