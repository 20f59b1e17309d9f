# SPDX-License-Identifier: GPL-3.0-or-later
"""berth-provisioner.service as berth-server.deb has it, with all its confinement, under a systemd that is PID 1: a workstation's, whose kernel and
systemd are those of a Debian server. What the image lacks of it (programs, libraries) is brought along."""
import re
import subprocess

import pytest

import lan as l
from processes import run

SERVICE = "berth-provisioner.service"
FOLDER = "/var/lib/berth-provisioner"
PROPERTIES = "ActiveState,Result,ExecMainStatus,NRestarts"


def pack_server(out, world, desk, folder):
    """What berth-server.deb puts on a server and the libraries that the workstation has not, as a page of the lab; its path."""
    subprocess.run(["dpkg-deb", "-x", out / "berth-server.deb", folder], check=True)
    programs = [p for p in folder.rglob("bin/*") if p.is_file()]
    assert sorted(p.name for p in programs) == ["berth-provisioner", "berthctl"]
    libraries = {m for p in programs for m in re.findall(r"=> (/\S+)", run("ldd", p))}
    missing = desk.agent(f"for f in {' '.join(sorted(libraries))}; do [ -e $f ] || echo $f; done").split()
    archive = world.lan.folder / "pages/server.tar"
    run("tar", "-chf", archive, "--owner=0", "--group=0", "-C", folder, ".", "-C", "/", *[m.lstrip("/") for m in missing])
    return archive.name


class Server:
    """The workstation as a server."""

    def __init__(self, desk):
        self.agent = desk.agent

    def get(self, path, host="127.0.0.1", port=8080, into="cat"):
        """A page, by bash alone: head cut off, body handed to the command `into`."""
        return self.agent(f"exec 3<>/dev/tcp/{host}/{port} && printf 'GET {path} HTTP/1.0\\r\\nHost: {host}:{port}\\r\\n\\r\\n' >&3 && "
                          f"sed -u '/^\\r$/q' <&3 >/dev/null && {into} <&3")

    def state(self):
        return dict(line.split("=", 1) for line in self.agent(f"systemctl show -p {PROPERTIES} {SERVICE}").splitlines())

    def wait_answer(self):
        self.agent("for i in $(seq 600); do (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null && exit; "
                   f"systemctl -q is-failed {SERVICE} && break; sleep 0.1; done; "
                   f"systemctl status --no-pager {SERVICE}; journalctl -b --no-pager -u {SERVICE}; exit 1", timeout=180)


@pytest.fixture
def server(out, world, desk, tmp_path):
    s = Server(desk)
    archive = pack_server(out, world, desk, tmp_path / "server")
    s.get(f"/{archive}", l.ADDRESS, l.PAGE_PORT, into="tar -x -C /")
    s.agent("ldconfig && systemctl daemon-reload")
    return s


def test_provisioner_service_is_what_systemd_understands(server):
    path = server.agent(f"systemctl show -P FragmentPath {SERVICE}").strip()
    assert server.agent(f"systemd-analyze verify --man=no {path} 2>&1").strip() == ""


def test_provisioner_service_starts_answers_keeps_its_files_and_ends_cleanly(server):
    server.agent(f"systemctl start {SERVICE}")
    server.wait_answer()
    assert server.get("/boot.ipxe").startswith("#!ipxe")
    # As root on the same machine, with the paths of the manual page.
    server.agent("berthctl machine add --name berth-1 --mac 52:54:00:00:00:01 --mode network --image berth")
    server.agent(f"mkdir {FOLDER}/images/berth && echo kernel >{FOLDER}/images/berth/vmlinuz")
    assert re.search(r"berth\.boot=[0-9a-f]{32} ", server.get("/v1/boot?mac=52:54:00:00:00:01&platform=efi"))
    assert server.get("/images/berth/vmlinuz") == "kernel\n"
    assert "berth-1" in server.agent("berthctl machine list")

    pid = server.agent(f"systemctl show -P MainPID {SERVICE}").strip()
    status = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", server.agent(f"cat /proc/{pid}/status")))
    assert "0" not in status["Uid"].split(), "not root"
    assert (int(status["CapEff"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, "1", "2")

    server.agent(f"systemctl restart {SERVICE}")
    server.wait_answer()
    assert re.search(r"berth\.boot=[0-9a-f]{32} ", server.get("/v1/boot?mac=52:54:00:00:00:01&platform=efi"))
    server.agent(f"systemctl stop {SERVICE}")
    assert server.state() == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0", "NRestarts": "0"}
