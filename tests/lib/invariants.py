# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold after every session, however it ended."""
from processes import LabError, wait_until


def server_is_clean(files, vm, client, above=0):
    """No lock, and the highest last-used names `client` with an epoch above `above`; returns that epoch."""
    assert files.locks(vm) == [], f"locks are left: {files.names(vm)}"
    last = files.last_used(vm)
    assert last, f"nobody used the VM, says the server: {files.names(vm)}"
    epoch, record = last
    assert epoch > above, f"the epoch {epoch} did not rise above {above}"
    assert record["client"] == client, f"last-used.{epoch} does not name {client}: {record}"
    return epoch


_LEFT = r"""
{ ls -A /var/lib/berth/swap; ls -A /var/lib/berth/state; ls -A /run/berth/vm; } 2>/dev/null | sed 's/^/file: /'
for p in /proc/[0-9]*; do
    case $(cat $p/comm 2>/dev/null) in qemu-system*|berth-volume*|berth-files*|nbdkit*|berth-session*|swtpm*)
        line=$(tr '\0' ' ' <$p/cmdline); [[ $line == *--sweep* ]] || echo "process: $line" ;;
    esac
done
ss -Hxl | grep -E 'nbd.sock|control.sock|console.sock' | sed 's/^/socket: /'
ss -Htn state established '( dport = :2049 or dport = :20048 )' | sed 's/^/connection: /'
swapon --noheadings | sed 's/^/swap in use: /'
virsh -q list --all | sed 's/^/domain: /'
mount | grep -E ' type (nfs|nfs4) ' | sed 's/^/mount: /'
true
"""


def client_leftovers(agent):
    return [line for line in agent(_LEFT).splitlines() if line.strip() and "test.agent" not in line]


def client_is_clean(agent, timeout=60):
    """No swap, no process, no socket, no state of a session. What ends automatically within `timeout` after the prompt may be there at first."""
    left = None

    def look():
        nonlocal left
        left = client_leftovers(agent)
        return not left
    try:
        wait_until(look, timeout, "a clean client", interval=1)
    except LabError:
        raise AssertionError("left on the client:\n" + "\n".join(left)) from None
