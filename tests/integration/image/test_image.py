# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain image: its files and limits, and what must not be in it."""
import json
import os
import re
import subprocess

# Every program that runs as someone else than its caller. Nobody but root starts programs here, so there are next to none.
SETUID = {
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper": "-rwsr-xr--",
    "/usr/sbin/unix_chkpwd": "-rwxr-sr-x",
}
# And no other: berth-lab (tests/lab), whose programs have these names, changes times that every workstation of a site must share.
PROGRAMS = ["berth-files", "berth-greeter", "berth-greeter-ui", "berth-kvm-probe", "berth-levels", "berth-screen", "berth-session", "berth-setup", "berth-volume"]


def test_all_outputs_are_there_and_small_enough_for_the_network(image):
    size = {n: (image / n).stat().st_size for n in ("vmlinuz", "initrd.img", "root.squashfs", "manifest.json", "manifest.json.minisig")}
    assert 0 < size["root.squashfs"] <= 350_000_000
    assert 0 < size["vmlinuz"] + size["initrd.img"] <= 60_000_000


def test_manifest_names_the_files_and_minisign_itself_believes_it(image, public_key):
    subprocess.run(["minisign", "-V", "-q", "-p", public_key, "-m", image / "manifest.json"], check=True)
    manifest = json.loads((image / "manifest.json").read_text())
    assert {f["name"] for f in manifest["files"]} == {"vmlinuz", "initrd.img", "root.squashfs"}
    for f in manifest["files"]:
        digest = subprocess.run(["b2sum", "-l", "256", image / f["name"]], capture_output=True, text=True, check=True).stdout.split()[0]
        assert (f["digest"], f["size"]) == (digest, (image / f["name"]).stat().st_size)
        assert (image / "image" / digest).exists()


def test_signing_key_is_outside_and_private(image, squashfs, initrd_names, public_key):
    key = public_key.with_name("image.key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert not [n for n in list(squashfs.entries) + list(initrd_names) if n.endswith("image.key")]
    assert "etc/berth/image.pub" in initrd_names


def test_nobody_can_log_in_with_a_password(etc):
    for line in (etc / "shadow").read_text().splitlines():
        name, password = line.split(":")[:2]
        assert password in ("*", "!", "!*"), f"{name} has a password"
    accounts = [line.split(":") for line in (etc / "passwd").read_text().splitlines()]
    assert [a[0] for a in accounts if a[2] == "0"] == ["root"]
    assert "/bin/bash" not in {a[6] for a in accounts}
    assert not [a[0] for a in accounts if 1000 <= int(a[2]) < 60000]


def test_nothing_of_the_demo_is_in_it(squashfs, etc):
    assert not [n for n in squashfs.entries if re.search(r"\bdemo\b|eat-memory", n) and not n.startswith(("/usr/share/zoneinfo", "/usr/lib/modules"))]
    for name in ("passwd", "shadow", "group"):
        assert "demo" not in (etc / name).read_text()
    found = subprocess.run(["grep", "-rlE", "PRIVATE KEY|10\\.0\\.2\\.2", etc], capture_output=True, text=True).stdout
    assert found == ""


def test_the_image_starts_no_getty_ssh_or_rescue_shell(squashfs):
    names = squashfs.entries
    assert not [n for n in names if re.search(r"/(sshd|dropbear|telnetd|in\.rlogind)$", n)]
    for unit in ("getty@.service", "serial-getty@.service", "console-getty.service", "container-getty@.service", "autovt@.service",
                 "emergency.service", "rescue.service", "debug-shell.service", "ctrl-alt-del.target"):
        assert names[f"/etc/systemd/system/{unit}"][2] == "/dev/null", unit
    for generator in ("getty", "debug", "run", "gpt-auto", "system-update", "rc-local"):
        assert names[f"/etc/systemd/system-generators/systemd-{generator}-generator"][2] == "/dev/null", generator
    enabled = [n for n in names if re.search(r"^/etc/systemd/system/[^/]*\.(wants|requires)/", n)]
    assert not [n for n in enabled if re.search("getty|ssh|shell|rescue|emergency", n)]


def test_initramfs_has_no_shell(initrd_names):
    assert "init" in initrd_names
    assert not [n for n in initrd_names if re.search(r"(^|/)(sh|bash|dash|busybox|debug-shell)$", n)]


def test_setuid_programs_are_the_known_ones(squashfs):
    found = {n: e[0] for n, e in squashfs.entries.items() if e[0][0] == "-" and ("s" in e[0][1:7] or "S" in e[0][1:7])}
    assert found == SETUID


def test_our_programs_and_units_are_there_and_no_other(squashfs, tmp_path):
    ours = sorted(n for n in squashfs.entries if re.search(r"^/usr/libexec/berth/|/berth-(session|lab)$|/berthctl$", n))
    assert ours == [f"/usr/libexec/berth/{name}" for name in PROGRAMS]
    for path in ours:
        assert squashfs.entries[path][0:2] == ("-rwxr-xr-x", "0/0")
    session = (squashfs.extract(tmp_path / "session", "usr/libexec/berth/berth-session") / "usr/libexec/berth/berth-session").read_bytes()
    assert b"--state-dir" in session and b"lock-times" not in session and b"libvirt-seconds" not in session
    assert "/usr/lib/berth/nbdkit-berth-plugin.so" in squashfs.entries
    for name in ("berth-provisioner", "berthctl", "berth-image"):
        assert f"/usr/bin/{name}" not in squashfs.entries
    assert "/usr/lib/systemd/system/berth-provisioner.service" not in squashfs.entries
    for unit in ("berth-kvm", "berth-setup", "berth-greeter", "berth-sweep", "berth-settle", "berth-probe"):
        assert f"/etc/systemd/system/multi-user.target.wants/{unit}.service" in squashfs.entries


def test_what_holds_guests_is_there(squashfs, etc):
    names = squashfs.entries
    for program in ("nft", "ebtables", "iptables"):
        assert f"/usr/sbin/{program}" in names, program
    assert "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_nwfilter.so" in names
    modules = {n.rsplit("/", 1)[1].split(".ko")[0] for n in names if n.startswith("/usr/lib/modules/") and ".ko" in n}
    assert {"bridge", "nf_tables", "nft_compat", "ebt_arp", "ebt_ip", "ebt_ip6"} <= modules
    for name in ("berth-guest", "berth-guest-leased"):
        assert f"<filter name='{name}'" in (etc / f"libvirt/nwfilter/{name}.xml").read_text()


def test_our_users_have_their_numbers_and_groups(etc):
    passwd = {line.split(":")[0]: line.split(":") for line in (etc / "passwd").read_text().splitlines()}
    group = {line.split(":")[0]: line.split(":") for line in (etc / "group").read_text().splitlines()}
    for name in ("_berth-ui", "_berth-volume", "_berth-files", "_berth-screen", "_berth-seat"):
        assert passwd[name][2] == group[name][2] and 0 < int(passwd[name][2]) < 1000
    assert "_berth-volume" in group["libvirt-qemu"][3].split(",")


def test_no_key_of_the_case_cuts_a_running_guest_off(etc):
    settings = (etc / "systemd/logind.conf.d/50-berth.conf").read_text().splitlines()
    # In order: berth-settle.service holds it until the guest has closed.
    assert "HandlePowerKey=poweroff" in settings
    for what in ("RebootKey", "SuspendKey", "HibernateKey", "LidSwitch"):
        assert f"Handle{what}=ignore" in settings


def test_names_are_asked_of_dns_alone(squashfs, etc):
    settings = {}
    for folder in ("/usr/lib/systemd", "/etc/systemd"):
        for name in sorted(n for n in squashfs.entries if re.fullmatch(rf"{folder}/resolved\.conf(\.d/[^/]+\.conf)?", n)):
            for line in squashfs.text(name).splitlines():
                key, equals, value = line.partition("=")
                if equals and not line.startswith("#"):
                    settings.setdefault(key.strip(), set()).add(value.strip())
    # Off for all links, whatever a .network file says (resolved.conf(5)).
    assert (settings["LLMNR"], settings["MulticastDNS"]) == ({"no"}, {"no"})
    hosts = re.search(r"^hosts:(.*)$", (etc / "nsswitch.conf").read_text(), re.M)
    # For a short name, or one that the local files know, nobody else is asked.
    assert set(hosts.group(1).split()) <= {"files", "dns", "resolve", "[!UNAVAIL=return]", "myhostname"}
    assert not [n for n in squashfs.entries if re.search(r"/(libnss_(mdns|wins|mymachines)[^/]*|avahi-daemon)$", n)]


def test_guests_close_before_anything_they_need_is_stopped(squashfs, etc):
    units = etc / "systemd/system"
    lines = (units / "berth-settle.service").read_text().splitlines()
    settings = {name: " ".join(line.split("=", 1)[1] for line in lines if line.startswith(name + "=")) for name in ("After", "ExecStop", "TimeoutStopSec")}
    # Units stop in the order opposite to After=.
    after = set(settings["After"].split())
    assert {"berth-greeter.service", "libvirtd.service", "systemd-machined.service", "systemd-logind.service", "systemd-networkd.service",
            "systemd-resolved.service", "dbus.service"} <= after
    for unit in after:
        found = [squashfs.entries[f"{folder}/{unit}"] for folder in ("/etc/systemd/system", "/usr/lib/systemd/system")
                 if f"{folder}/{unit}" in squashfs.entries]
        assert found and found[0][2] != "/dev/null", f"{unit} never runs: it orders nothing"
    # Where systemd-machined puts QEMU and where pam_systemd puts the session with its berth-volume.
    for scopes in ("machine-", "session-"):
        assert "Before=berth-settle.service" in (units / f"{scopes}.scope.d/berth.conf").read_text().splitlines()
    assert settings["ExecStop"] == "/usr/libexec/berth/berth-session --settle"
    # Above the bound of --settle.
    assert int(settings["TimeoutStopSec"]) > 180
    for unit in (u for u in units.glob("*.service") if not u.is_symlink()):
        assert "berth-settle" not in unit.read_text(), f"{unit.name} must not be stopped before it"


def test_the_image_names_its_packages_to_the_version(image, squashfs):
    named = dict(line.split() for line in squashfs.text("/usr/share/berth/packages").splitlines())
    status = squashfs.text("/var/lib/dpkg/status")
    entries = [dict(line.split(": ", 1) for line in e.splitlines() if re.match(r"(Package|Status|Version): ", line)) for e in status.split("\n\n")]
    installed = {e["Package"]: e["Version"] for e in entries if e.get("Status") == "install ok installed"}
    assert named == installed and len(named) > 100
    assert (image / "packages").read_text() == squashfs.text("/usr/share/berth/packages")
    assert f"VERSION_CODENAME={os.environ['BERTH_TOOLS_OF']}" in squashfs.text("/usr/lib/os-release").splitlines()


def test_what_changed_since_the_last_image_is_told_security_fixes_first(root, tmp_path):
    lists = tmp_path / "apt/lists"
    lists.mkdir(parents=True)
    (lists / "deb.debian.org_debian-security_dists_trixie-security_main_binary-amd64_Packages").write_text(
        "Package: openssl\nVersion: 3.5.1-1+deb13u1\n\nPackage: zlib1g\nVersion: 9\n")
    (tmp_path / "old").write_text("adduser 1\nlibgone1 1\nopenssl 3.5.1-1\nsame 2\nzlib1g 1\n")
    (tmp_path / "new").write_text("adduser 2\nlibnew1 1\nopenssl 3.5.1-1+deb13u1\nsame 2\nzlib1g 2\n")
    script = 'set -euo pipefail; . $1/image/common.sh; . $1/image/changes.sh; apt_dir=$2/apt; tell_changes "$2/$3" "$2/$4"'

    def told(old, new):
        return subprocess.run(["bash", "-c", script, "x", root, tmp_path, old, new], capture_output=True, text=True, check=True).stderr.splitlines()

    assert told("old", "new") == ["== packages changed since the last image: 5, security fixes: 1", "   security openssl 3.5.1-1 -> 3.5.1-1+deb13u1",
                                  "   changed adduser 1 -> 2", "   changed zlib1g 1 -> 2", "   new libnew1 1", "   gone libgone1 1"]
    assert told("new", "new") == [] and told("none-yet", "new") == []


def test_a_unit_or_generator_that_nobody_looked_at_stops_the_build(root, tmp_path):
    system = tmp_path / "usr/lib/systemd/system"
    (tmp_path / "etc/systemd/system/sockets.target.wants").mkdir(parents=True)
    (system / "sysinit.target.wants").mkdir(parents=True)
    (system / "initrd.target.wants").mkdir()
    (system / "initrd.target.wants/of-an-initramfs.service").symlink_to("x")
    (system / "sysinit.target.wants/systemd-udevd.service").symlink_to("x")
    generators = tmp_path / "usr/lib/systemd/system-generators"
    generators.mkdir()
    (generators / "systemd-getty-generator").write_text("")
    script = "set -euo pipefail; image=$1/image; . $image/common.sh; . $image/root.sh; check_units $2"

    def said():
        done = subprocess.run(["bash", "-c", script, "x", root, tmp_path], capture_output=True, text=True)
        return done.returncode, done.stderr

    assert said() == (0, "")
    (generators / "new-generator").write_text("")
    assert said() == (1, "build-image.sh: image/generators.list does not name new-generator\n")
    (tmp_path / "etc/systemd/system/sockets.target.wants/new.socket").symlink_to("x")
    assert said() == (1, "build-image.sh: image/units.list does not name these, which a boot would start: new.socket\n")


def test_a_server_gets_a_package_that_names_what_it_needs(image, tmp_path):
    package = image / "berth-server.deb"
    fields = subprocess.run(["dpkg-deb", "-f", package, "Package", "Depends"], capture_output=True, text=True, check=True).stdout
    assert "Package: berth-server" in fields
    for library in ("libc6", "libmicrohttpd12", "libnfs1", "libsoci-sqlite3-4.0", "libsodium23", "libxml2"):
        assert library in fields, library
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {"usr/bin/berthctl", "usr/bin/berth-provisioner", "usr/libexec/berth/berth-files", "usr/lib/systemd/system/berth-provisioner.service",
            "usr/share/berth/boot.ipxe", "usr/share/man/man1/berthctl.1.gz", "usr/share/man/man8/berth-provisioner.8.gz"} <= files
    said = subprocess.run([tmp_path / "usr/bin/berthctl", "--help"], capture_output=True, text=True, check=True).stdout
    assert "machine" in said


def test_the_image_has_no_manuals_package_lists_or_logs(squashfs):
    for folder in ("/usr/share/man/", "/usr/share/locale/", "/var/lib/apt/", "/var/cache/apt/", "/var/log/", "/boot/"):
        assert not [n for n in squashfs.entries if n.startswith(folder)], folder


def test_key_inside_the_checkout_is_refused(root):
    script = "set -euo pipefail; root=$1; . $1/image/common.sh; . $1/image/sign.sh; make_key"
    done = subprocess.run(["bash", "-c", script, "x", root], env={"PATH": "/usr/bin:/bin", "HOME": "/root", "BERTH_KEY_DIR": f"{root}/out/key"},
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert "must not lie in the checkout" in done.stderr
    assert not (root / "out/key").exists()


def test_image_that_has_grown_too_large_is_refused(root, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 1_000_001)
    script = 'set -euo pipefail; root=$1; . $1/image/common.sh; . $1/image/sign.sh; limit 1 root.squashfs "$2"'
    done = subprocess.run(["bash", "-c", script, "x", root, tmp_path / "big"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "root.squashfs has 1000001 bytes; at most 1 MB are allowed" in done.stderr
