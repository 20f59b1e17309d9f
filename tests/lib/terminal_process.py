# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that somebody starts by hand in a terminal of 80x24."""
import ctypes
import signal
import termios

import ptyprocess

from processes import wait_until

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class TerminalProcess:
    """The program, and the line (of a Screen) to the terminal it runs in. Should the test die the terminal's window is closed."""

    def __init__(self, argv, env, columns=80, lines=24):
        self._child = ptyprocess.PtyProcess.spawn(
            [str(a) for a in argv], env=env, dimensions=(lines, columns), preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGHUP))

    def modes(self):
        """The terminal's modes, which stty shows."""
        return termios.tcgetattr(self._child.fd)

    def close_window(self):
        """What a terminal's program gets to know when its window is closed."""
        self._child.kill(signal.SIGHUP)

    def wait(self, timeout):
        """Until it has ended; its exit code, or minus the number of the signal that ended it."""
        wait_until(lambda: not self._child.isalive(), timeout, f"the end of {self._child.argv[0]}")
        return -self._child.signalstatus if self._child.exitstatus is None else self._child.exitstatus

    def recv(self, size):
        try:
            return self._child.read(size)
        except EOFError:
            return b""

    def sendall(self, data):
        self._child.write(data)

    def close(self):
        self._child.fileobj.close()
