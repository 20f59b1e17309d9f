# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of ways out: every step of a session times every fault. What is tried, what makes no sense and why, and the table for
docs/testing.md (python3 tests/integration/session/ways_out.py prints it). test_ways_out.py runs it. ways_out.tsv holds the outcome of each pair."""
import pathlib

DO = ("authenticate", "account", "credentials", "locate", "mount", "choose", "check", "lock", "configure", "swap", "volume", "vm", "console")
UNDO = ("console", "vm", "volume", "lock", "mount", "swap", "authenticate")
STEPS = (*(f"do {s}" for s in DO), "running", *(f"undo {s}" for s in UNDO))

FAULTS = {
    "qemu": "QEMU is killed (at `do vm`: as soon as it is seen)",
    "session": "`berth-session` is killed",
    "greeter": "`berth-greeter`, the real one, is killed and started again as systemd would",
    "ui": "`berth-greeter-ui`, the real one, is killed",
    "volume": "`berth-volume` is killed (at `do volume`: as soon as it is seen)",
    "files": "`berth-files` is killed (at `do mount`: as soon as it is seen)",
    "libvirtd": "libvirtd is killed and started again half a second later",
    "stopped": "the file server is killed and started again 3 s later",
    "read-only": "the file server refuses every change (NFS3ERR_ROFS) for 3 s",
    "filled": "the file server's disk is full (NFS3ERR_NOSPC) for 3 s",
    "slow": "every packet of the file server, both ways, takes 0.4 s for 6 s",
    "wall": "the session's time of day jumps back by 400 days",
    "boot": "the session's CLOCK_BOOTTIME jumps ahead by ten minutes, as after a suspend",
    "local": "the workstation's disk (state and swap) is full until all is undone",
}

REASONS = {
    "a": "no QEMU lives then: it is started by `vm` and has ended before the undo begins",
    "b": "no `berth-volume` lives then",
    "c": "no screen program lives then: the guest has the console",
    "d": "no `berth-files` lives then: it is started by `mount`",
}

# Run at every plain run: each step and each fault, and the pairs that are the most dangerous for the user's data. The others run in `full`.
PLAIN = {
    "do authenticate": ("ui",),
    "do account": ("libvirtd",),
    "do credentials": ("greeter",),
    "do locate": ("wall",),
    "do mount": ("stopped",),
    "do choose": ("session",),
    "do check": ("read-only",),
    "do lock": ("session", "files", "stopped", "filled"),
    "do configure": ("boot",),
    "do swap": ("local", "session"),
    "do volume": ("volume", "session"),
    "do vm": ("qemu", "libvirtd", "session"),
    "do console": ("slow",),
    "running": ("qemu", "session", "greeter", "volume", "files", "stopped", "filled"),
    "undo console": ("libvirtd",),
    "undo vm": ("volume",),
    "undo volume": ("session", "stopped", "read-only"),
    "undo lock": ("session", "files", "stopped"),
    "undo mount": ("wall",),
    "undo swap": ("local",),
    "undo authenticate": ("ui",),
}


# Faults that heal by the clock: what comes of them hangs on how far the session got meanwhile, so the outcome is shown and not asserted.
TIMED = ("libvirtd", "stopped", "read-only", "filled", "slow")
# What is killed in the middle of its start.
SEEN_FIRST = (("do volume", "volume"), ("do vm", "qemu"), ("do mount", "files"))

OUTCOMES = {
    "continues": "the session continues, and the guest writes after the fault",
    "ends, told": "the session undoes what it did and tells the user why",
    "closed": "the guest is closed (with a greeter killed: by the power button) and the session ends cleanly",
    "swept": "the sweeper finishes what the session could not, at once or at the next boot",
}


def senseless(step, fault):
    """The letter of the reason why this pair is not tried; "" if it is."""
    if fault == "qemu" and step not in ("do vm", "do console", "running"):
        return "a"
    if fault == "volume" and step not in ("do volume", "do vm", "do console", "running", "undo console", "undo vm", "undo volume"):
        return "b"
    if fault == "ui" and step in ("running", "undo console"):
        return "c"
    if fault == "files" and step in ("do authenticate", "do account", "do credentials", "do locate"):
        return "d"
    return ""


def cells():
    """(step, fault, in the plain run), all that are tried."""
    return [(s, f, f in PLAIN[s]) for s in STEPS for f in FAULTS if not senseless(s, f)]


def table(word):
    """Markdown; `word(step, fault)` fills a cell that is tried."""
    lines = ["| step | " + " | ".join(FAULTS) + " |", "|---" * (len(FAULTS) + 1) + "|"]
    for step in STEPS:
        filled = (f"- {r}" if (r := senseless(step, f)) else word(step, f) for f in FAULTS)
        lines.append(f"| {step} | " + " | ".join(filled) + " |")
    return "\n".join(lines) + "\n"


def outcomes():
    """{(step, fault): outcome}, as the whole matrix showed them."""
    lines = pathlib.Path(__file__).with_suffix(".tsv").read_text().splitlines()[1:]
    return {(step, fault): outcome for step, fault, outcome in (line.split("\t") for line in lines)}


def must_be(step, fault):
    """The outcome, where no time plays a part; else None."""
    return None if fault in TIMED or (step, fault) in SEEN_FIRST else outcomes()[step, fault]


def documentation():
    """The part of docs/testing.md that is generated."""
    known = outcomes()
    lines = [table(lambda s, f: f"**{known[s, f]}**" if f in PLAIN[s] else known[s, f])]
    lines += [f"- {name}: {text}." for name, text in OUTCOMES.items()]
    lines += [f"- `{f}`: {text}." for f, text in FAULTS.items()]
    lines += [f"- `- {letter}`: {text}." for letter, text in REASONS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(documentation(), end="")
