# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which systemd stops what runs on a workstation, asked of the running one: which units may go while
berth-settle.service still waits for guests to close."""
import re
import shlex

HOLDER = "berth-settle.service"

_LOOK = r"""
systemctl show '*' -p Id -p ActiveState -p After -p Conflicts -p ExecStop -p ExecStopPost
echo ======
for p in /proc/[0-9]*; do
    IFS= read -rd '' program <$p/cmdline && echo "$(<$p/comm) $(<$p/cgroup)"
done 2>/dev/null
true
"""


class StopOrder:
    """What `agent` tells of the units in memory. `processes`: the names of the programs that run, by their unit."""

    def __init__(self, agent):
        units, processes = agent(_LOOK).split("======\n")
        self.units = {}
        for block in units.strip().split("\n\n"):
            unit = {}
            for line in block.splitlines():
                name, _, value = line.partition("=")
                unit[name] = f"{unit[name]} {value}" if name in unit else value
            self.units[unit["Id"]] = unit
        self.processes = {}
        for line in processes.splitlines():
            name, _, group = line.partition(" 0::")
            # Below the unit groups are the unit's own affair.
            unit = [part for part in group.split("/") if re.search(r"\.(service|scope)$", part)]
            self.processes.setdefault(unit[0] if unit else group, set()).add(name)

    def _is_stopped(self, name):
        """Whether power-off has a job for it: only between two jobs is there an order."""
        unit = self.units.get(name, {})
        return unit.get("ActiveState") in ("active", "activating", "reloading") and {"shutdown.target", "umount.target"} & set(
            unit.get("Conflicts", "").split())

    def held(self):
        """The units that are stopped only after HOLDER, by whatever chain."""
        found, todo = set(), [HOLDER]
        while todo:
            # Names with a backslash are quoted there.
            for after in shlex.split(self.units.get(todo.pop(), {}).get("After", "")):
                if after not in found and self._is_stopped(after):
                    found.add(after)
                    todo.append(after)
        return found

    def not_held(self):
        """The units that power-off stops while HOLDER still waits, and whose end does something: a process gets a signal, a command is run,
        a file system or a socket goes."""
        return sorted(name for name in self.units if self._is_stopped(name) and name != HOLDER and name not in self.held() and (
            name in self.processes or name.rpartition(".")[2] in ("mount", "socket", "swap") or
            self.units[name].get("ExecStop") or self.units[name].get("ExecStopPost")))
