# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that a test starts, ended by their pid whatever happens."""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

from patience import Deadline

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_the_test():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class LabError(Exception):
    """The lab itself, not Berth, failed: the text says what and shows the log's end."""


def wait_until(condition, timeout, what, interval=0.1):
    """Returns the first true value of condition(); LabError naming `what` after `timeout` seconds, which stretch with the load."""
    end = Deadline(timeout)
    while True:
        value = condition()
        if value:
            return value
        if end.left() <= 0:
            raise LabError(f"{what}: not within {end}")
        time.sleep(interval)


class Process:
    """A program in the background with its output in a file. It is the leader of a session of its own: ending it ends its children."""

    def __init__(self, argv, log, netns=None, env=None, cwd=None):
        self.name = os.path.basename(argv[0])
        self.log = str(log)
        if netns:
            argv = ["ip", "netns", "exec", netns, *argv]
        with open(self.log, "ab") as out:
            self._child = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, start_new_session=True,
                env={**os.environ, **(env or {})}, preexec_fn=_die_with_the_test)

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def check(self):
        if not self.running():
            raise LabError(f"{self.name} ended with {self._child.returncode}:\n{self.log_end()}")

    def log_text(self):
        with open(self.log, "r", errors="replace") as f:
            return f.read()

    def log_end(self, lines=30):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def wait(self, timeout):
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} did not end within {timeout} s:\n{self.log_end()}") from None

    def kill(self):
        """SIGKILL to all of it: a power cut."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()

    def stop(self, patience=5):
        if self.running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGTERM)
            try:
                self._child.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


def run(*argv, netns=None, check=True, input=None, timeout=120):
    """Runs to the end; standard output as text. LabError with all output when it fails and `check` is set."""
    if netns:
        argv = ("ip", "netns", "exec", netns, *argv)
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=timeout, input=input, stdin=None if input is not None else subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def connect_unix(path, timeout, what, meanwhile=lambda: None):
    """A connected Unix stream socket as soon as somebody listens at `path`; `meanwhile` may raise why nobody ever will."""
    def connect():
        meanwhile()
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(str(path))
            return s
        except OSError:
            s.close()
            return None
    return wait_until(connect, timeout, what)
