# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/security.md "What a file server can do to the client": what decodes its replies is in no program that root runs."""
import subprocess

import pytest

DECODER = "libnfs.so"


def libraries(program):
    listed = subprocess.run(["ldd", program], check=True, text=True, stdout=subprocess.PIPE).stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


@pytest.mark.parametrize("program", ["bin/berth-session", "bin/berth-greeter", "bin/berthctl", "bin/berth-provisioner"])
def test_no_root_program_decodes_what_a_file_server_sends(build, program):
    assert not [name for name in libraries(build / program) if name.startswith(DECODER)]


def test_the_programs_that_do_are_those_with_a_user_of_their_own(build):
    for program in ("bin/berth-files", "bin/nbdkit-berth-plugin.so"):
        assert [name for name in libraries(build / program) if name.startswith(DECODER)]
