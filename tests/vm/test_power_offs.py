# SPDX-License-Identifier: GPL-3.0-or-later
"""Point g, the other fifty rounds: tests/run has two workstations at a time."""
import pytest

from power_offs import guests_cut


@pytest.mark.full_only
def test_g_fifty_more_power_offs_of_a_busy_workstation_cut_no_guest(desk, world):
    assert guests_cut(desk, world, range(50, 100)) == {}
