# SPDX-License-Identifier: GPL-3.0-or-later
"""One stranger does not stop a site: connections that bring nothing, transfers that take all, a database that takes no writes (real sockets; each source has an
address of its own on the loopback interface)."""
import contextlib
import re
import resource
import socket
import sqlite3
import time
import urllib.request

from processes import wait_until

MAC = "52:54:00:00:00:01"
PER_ADDRESS, ALL, PATIENCE = 64, 512, 10


def connect(provisioner, source):
    host, port = provisioner.address.split(":")
    return socket.create_connection((host, int(port)), timeout=20, source_address=(source, 0))


def idle(provisioner, stack, source, number):
    return [stack.enter_context(connect(provisioner, source)) for _ in range(number)]


def ask(provisioner, path, source="127.0.0.1"):
    """Status, headers, body, seconds."""
    start = time.monotonic()
    with connect(provisioner, source) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: {provisioner.address}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body, time.monotonic() - start


def boot(provisioner):
    status, _, body, seconds = ask(provisioner, f"/v1/boot?mac={MAC}&platform=efi")
    assert status == 200, body
    assert seconds < 4, "iPXE waits so long"
    return re.search(rb"berth\.boot=([0-9a-f]{32}) ", body).group(1).decode()


def closed_by_server(s):
    s.settimeout(0)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_stranger_with_idle_connections_stops_neither_boots_nor_transfers(provisioner):
    (provisioner.images / "berth" / "vmlinuz").write_bytes(b"kernel")
    provisioner.ctl("machine", "add", "--mac", MAC)
    with contextlib.ExitStack() as stack:
        sockets = idle(provisioner, stack, "127.0.0.2", 520)
        boot(provisioner)
        assert ask(provisioner, "/images/berth/vmlinuz")[2] == b"kernel"
        assert ask(provisioner, "/images/berth/vmlinuz", "127.0.0.2")[0] == 200, "the stranger's own oldest one makes room"
        wait_until(lambda: sum(closed_by_server(s) for s in sockets) >= 520 - PER_ADDRESS, 20, "the end of the oldest")


def test_many_strangers_hold_no_place_and_a_slow_request_is_ended(provisioner):
    (provisioner.images / "berth" / "vmlinuz").write_bytes(b"kernel")
    provisioner.ctl("machine", "add", "--mac", MAC)
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(connect(provisioner, "127.0.0.1"))
        start = time.monotonic()
        sockets = [s for n in range(10) for s in idle(provisioner, stack, f"127.0.1.{n + 1}", 60)]
        boot(provisioner)
        status, headers, _, _ = ask(provisioner, "/images/berth/vmlinuz")
        assert status == 503 and int(headers["retry-after"]) >= 1
        wait_until(lambda: closed_by_server(good), 5, "the end of the oldest of all")
        # Bytes of a request keep nobody alive that never completes it.
        slow = stack.enter_context(connect(provisioner, "127.0.0.9"))
        begun = time.monotonic()
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        while not closed_by_server(slow):
            assert time.monotonic() - begun < PATIENCE + 8
            with contextlib.suppress(OSError):
                slow.setblocking(True)
                slow.sendall(b"x")
            time.sleep(0.2)
        assert time.monotonic() - begun > PATIENCE - 2
        wait_until(lambda: all(closed_by_server(s) for s in sockets), 20, "the end of all that said nothing")
        assert time.monotonic() - start > PATIENCE - 1
        assert ask(provisioner, "/images/berth/vmlinuz")[2] == b"kernel"


def test_transfers_of_one_address_are_limited_and_leave_room_for_others(provisioner):
    with open(provisioner.images / "berth" / "root", "wb") as f:
        f.truncate(64 << 20)
    provisioner.ctl("machine", "add", "--mac", MAC)
    with contextlib.ExitStack() as stack:
        readers = idle(provisioner, stack, "127.0.0.3", PER_ADDRESS)
        for s in readers:
            s.sendall(f"GET /images/berth/root HTTP/1.1\r\nHost: {provisioner.address}\r\n\r\n".encode())
            assert s.recv(64).startswith(b"HTTP/1.1 200"), "and is not read on"
        one_more = stack.enter_context(connect(provisioner, "127.0.0.3"))
        assert wait_until(lambda: closed_by_server(one_more), 10, "the end of one too many")
        boot(provisioner)
        assert not any(closed_by_server(s) for s in readers[:1]), "what is being answered is never ended for others"


def test_a_locked_database_stops_no_boot(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    other = sqlite3.connect(provisioner.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tokens = [boot(provisioner) for _ in range(3)]
    assert provisioner.curl("/v1/machines/m-0001/record", "-H", f"Berth-Boot: {tokens[-1]}")[0] == 200
    wait_until(lambda: "bookkeeping failed" in provisioner.process.log_text(), 20, "the report")
    other.execute("ROLLBACK")
    written = "SELECT count(*) FROM tokens WHERE token IN (?, ?, ?)"
    wait_until(lambda: other.execute(written, tokens).fetchone()[0] == 3, 20, "the tokens' writing")
    other.close()


def test_a_full_disk_stops_no_boot(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    boot(provisioner)
    limits = resource.prlimit(provisioner.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(provisioner.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    token = boot(provisioner)
    assert provisioner.curl("/v1/machines/m-0001/record", "-H", f"Berth-Boot: {token}")[0] == 200
    # Nor one of a machine that would have to be listed: it goes to its disk.
    resource.prlimit(provisioner.process.pid, resource.RLIMIT_FSIZE, limits)
    provisioner.ctl("policy", "set", "--unknown", "enrol", "--yes")
    resource.prlimit(provisioner.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    status, _, body, _ = ask(provisioner, "/v1/boot?mac=52:54:00:00:00:09&platform=efi")
    assert status == 200 and body.endswith(b"exit 1\n")
    resource.prlimit(provisioner.process.pid, resource.RLIMIT_FSIZE, limits)
    with sqlite3.connect(provisioner.database) as database:
        wait_until(lambda: database.execute("SELECT count(*) FROM tokens WHERE token = ?", [token]).fetchone()[0] == 1, 20, "the token's writing")


def test_a_connection_that_brings_requests_one_after_the_other_is_kept(provisioner):
    host, port = provisioner.address.split(":")
    with contextlib.closing(urllib.request.http.client.HTTPConnection(host, int(port), timeout=20)) as connection:
        for _ in range(4):
            connection.request("GET", "/boot.ipxe")
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read()
