# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds of waits on a machine that others use too: a bound holds for a quiet machine and stretches with the load, at most to four times itself."""
import os
import time

MOST = 4


def stretch():
    """How much longer everything takes now: runnable processes for each processor, over the last minute."""
    return min(MOST, max(1.0, os.getloadavg()[0] / os.cpu_count()))


class Deadline:
    def __init__(self, seconds):
        self._begun, self._seconds = time.monotonic(), seconds

    def left(self):
        """Seconds that are left as things are now; not positive when it is over."""
        return self._begun + self._seconds * stretch() - time.monotonic()

    def __str__(self):
        return f"{self._seconds} s (stretched {stretch():.1f} times)"
