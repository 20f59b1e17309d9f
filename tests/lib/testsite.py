# SPDX-License-Identifier: GPL-3.0-or-later
"""The site archive of the VM tests: users, the locate script, and the agent through which tests look inside. The signed root stays as
built; everything of the tests is in this second, separately signed layer (docs/security.md "What a site archive can do")."""
import pathlib
import shutil

import lan as l
from people import PASSWORD, people
from processes import run

_AGENT = r"""#!/bin/bash
# Answers "NUMBER BASE64-OF-COMMAND" lines with "NUMBER EXIT-CODE BASE64-OF-OUTPUT".
port=/dev/virtio-ports/berth.test.agent
exec 3<>"$port"
while read -r number command <&3; do
    output=$(bash -c "$(base64 -d <<<"$command")" </dev/null 2>&1 | base64 -w 0; exit "${PIPESTATUS[0]}")
    code=$?
    printf '%s %s %s\n' "$number" "$code" "$output" >&3
done
"""

_UNIT = """[Unit]
Description=A look inside for the VM tests
DefaultDependencies=no
After=systemd-udevd.service systemd-tmpfiles-setup.service
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/local/lib/berth-test/agent
Restart=always
RestartSec=1
[Install]
WantedBy=sysinit.target
"""


def _from_root(root_squashfs, path):
    return run("unsquashfs", "-cat", root_squashfs, path)


def _write(folder, path, text, mode=0o600):
    """As under umask 077: the image must make of it what it needs."""
    target = pathlib.Path(folder) / path
    for parent in reversed(target.relative_to(folder).parents):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def _locate_script(directories):
    cases = "".join(f"{p.name}) echo {p.server}:{directories[p.name]} ;;\n" for p in people.values())
    return f"#!/bin/sh\n# The site's own way to find a user's files.\ncase $1 in\n{cases}*) echo 'no such user here' >&2; exit 1 ;;\nesac\n"


def _configuration():
    return f"""[locate]
method = "script"
script = "/etc/berth/locate"
nfs_port = {l.NFS_PORT}
mount_port = {l.MOUNT_PORT}
[lock]
break = "user"
"""


def make_site(folder, root_squashfs, directories):
    """Fills `folder` for build-image.sh --site. `directories`: each person's directory as its server names it."""
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    crypted = run("openssl", "passwd", "-6", "-salt", "berthtests", PASSWORD).strip()
    passwd, shadow, group = (_from_root(root_squashfs, f"etc/{f}") for f in ("passwd", "shadow", "group"))
    for p in people.values():
        passwd += f"{p.name}:x:{p.uid}:{p.uid}:{p.name}:/nonexistent:/usr/sbin/nologin\n"
        shadow += f"{p.name}:{'!' if p.locked else ''}{crypted}:{p.shadow or '19000:0:99999:7:::'}\n"
        group += f"{p.name}:x:{p.uid}:\n"
    _write(folder, "etc/passwd", passwd)
    _write(folder, "etc/group", group)
    _write(folder, "etc/shadow", shadow)
    _write(folder, "etc/berth/berth.toml", _configuration())
    _write(folder, "etc/berth/locate", _locate_script(directories), 0o755)
    _write(folder, "usr/local/lib/berth-test/agent", _AGENT, 0o755)
    _write(folder, "etc/systemd/system/berth-test-agent.service", _UNIT, 0o644)  # systemd complains of a closed one.
    wants = folder / "etc/systemd/system/sysinit.target.wants"
    wants.mkdir(parents=True)
    (wants / "berth-test-agent.service").symlink_to("/etc/systemd/system/berth-test-agent.service")
    return folder
