# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner over real HTTP (docs/architecture.md "Provisioner: HTTP")."""
import concurrent.futures
import hashlib
import json
import os
import signal
import socket
import subprocess
import urllib.request

MAC = "52:54:00:00:00:01"


def test_boot_script_names_the_address_it_was_asked_at(provisioner):
    status, headers, body = provisioner.curl("/boot.ipxe")
    assert status == 200 and headers["content-type"].startswith("text/plain")
    assert body.splitlines()[:2] == [b"#!ipxe", f"set berth-url {provisioner.url}".encode()]


def test_a_machine_boots_gets_its_record_and_reports(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC, "--name", "desk", "--keymap", "de", "--nfs-server", "fs1")
    token = provisioner.boot()
    header = ["-H", f"Berth-Boot: {token}"]
    status, _, body = provisioner.curl("/v1/machines/m-0001/record", *header)
    assert status == 200
    assert json.loads(body) == {"schema": 1, "id": "m-0001", "name": "desk", "keymap": "de", "data": "none", "nfs": {"server": "fs1"},
                                "boot_token": token}
    post = {"stage": "session", "facts": {"cpu": "EPYC", "cores": 2, "memory_mib": 3072, "disks": [{"name": "vda", "bytes": 8 << 30}],
                                          "kvm": {"usable": False, "why": "no svm"}}, "session": {"user": "ann", "vm": "work", "since": "x"}}
    assert provisioner.curl("/v1/machines/m-0001/status", *header, "-d", json.dumps(post))[0] == 204
    row = provisioner.ctl("machine", "list").stdout.splitlines()[1]
    for part in ("m-0001", "desk", "session", "no: no svm", "EPYC", "3072 MiB", "vda 8.6 GB", "ann/work"):
        assert part in row


def test_without_the_token_nothing_is_told_or_taken(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    provisioner.boot()
    for options in ([], ["-H", "Berth-Boot: " + "0" * 32], ["-H", "Berth-Boot: ' OR 1=1 --"]):
        for path in ("record", "state", "state/a.json"):
            status, _, body = provisioner.curl(f"/v1/machines/m-0001/{path}", *options)
            assert status == 403 and json.loads(body)["code"] == "BERTH-P03"
        assert provisioner.curl("/v1/machines/m-0001/status", *options, "-d", '{"stage":"prompt"}')[0] == 403
    assert provisioner.machines()[0]["stage"] == "ipxe"


def test_state_files_of_a_diskless_client_are_kept_and_bounded(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    header = ["-H", f"Berth-Boot: {provisioner.boot()}"]
    url = "/v1/machines/m-0001/state"
    body = json.dumps({"session": "s1", "pad": "x" * 60000})
    assert provisioner.curl(url + "/s1.json", *header, "-X", "PUT", "--data-binary", body)[0] == 204
    assert provisioner.curl(url + "/s1.json", *header)[2].decode() == body
    assert json.loads(provisioner.curl(url, *header)[2]) == ["s1.json"]
    status, _, answer = provisioner.curl(url + "/s2.json", *header, "-X", "PUT", "--data-binary", json.dumps("x" * 65536))
    assert status == 413 and json.loads(answer)["code"] == "BERTH-P08"
    (provisioner.folder / "large").write_text(json.dumps("x" * 200000))
    status, _, _ = provisioner.curl(url + "/s2.json", *header, "-X", "PUT", "-H", "Transfer-Encoding: chunked", "--data-binary",
                                    f"@{provisioner.folder}/large")
    assert status == 413
    # A new boot still finds it: the sweeper runs in the next boot.
    header = ["-H", f"Berth-Boot: {provisioner.boot()}"]
    assert provisioner.curl(url + "/s1.json", *header)[2].decode() == body
    assert provisioner.curl(url + "/s1.json", *header, "-X", "DELETE")[0] == 204
    assert json.loads(provisioner.curl(url, *header)[2]) == []


def test_images_come_whole_in_ranges_and_not_at_all_when_cached(provisioner):
    data = os.urandom(3_000_000)
    name = hashlib.blake2b(data, digest_size=32).hexdigest()
    (provisioner.images / "berth" / name).write_bytes(data)
    url = f"/images/berth/{name}"
    status, headers, body = provisioner.curl(url)
    assert (status, body) == (200, data)
    assert headers["etag"] == f'"{name}"' and "immutable" in headers["cache-control"] and headers["accept-ranges"] == "bytes"
    for spec, part in (("0-0", data[:1]), ("1000000-1999999", data[1000000:2000000]), ("2999999-", data[-1:]), ("-70000", data[-70000:])):
        status, headers, body = provisioner.curl(url, "-r", spec)
        assert status == 206 and body == part and int(headers["content-length"]) == len(part)
    assert provisioner.curl(url, "-r", "3000000-")[0] == 416
    assert provisioner.curl(url, "-H", f'If-None-Match: "{name}"')[0] == 304
    status, headers, body = provisioner.curl(url, "-I")
    assert status == 200 and headers["content-length"] == "3000000" and body.startswith(b"HTTP/1.1 200")  # what curl -I saves
    # An interrupted download continues where it stopped.
    half = provisioner.folder / "half"
    half.write_bytes(data[:1234567])
    subprocess.run(["curl", "-sS", "-C", "-", "-o", half, provisioner.url + url], check=True, timeout=60)
    assert half.read_bytes() == data


def test_hostile_paths_reach_no_other_file(provisioner):
    (provisioner.folder / "secret").write_text("secret")
    os.symlink(provisioner.folder / "secret", provisioner.images / "berth" / "link")
    for path in ("/images/../secret", "/images/berth/../../secret", "/images/berth/..%2f..%2fsecret", "/images/%2e%2e/secret",
                 "/images/berth/link", "/images/berth//secret", "/images/berth/link%00", "/images/..%5csecret", "//images/berth/link", "/"):
        status, _, body = provisioner.curl(path)
        assert status in (400, 404) and b"secret" not in body, path
        assert json.loads(body)["code"] in ("BERTH-P01", "BERTH-P02")


def test_malformed_http_harms_nobody(provisioner):
    host, port = provisioner.address.split(":")
    for text in (b"\x00\xff\n\n", b"GET\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"POST /v1/boot HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                 b"GET /boot.ipxe HTTP/1.1\r\nHost: a b\r\n\r\n", b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=20) as s:
            try:
                s.sendall(text)
                s.shutdown(socket.SHUT_WR)
                answer = s.recv(64)
            except OSError:  # the connection was dropped before all was sent
                answer = b""
            assert not answer.startswith(b"HTTP/1.1 2"), text
    assert provisioner.curl("/boot.ipxe")[0] == 200


def test_bad_questions_are_answered_with_code_and_range(provisioner):
    status, _, body = provisioner.curl("/v1/boot?mac=52:54:00:00:00:01&platform=arm")
    assert status == 400
    assert json.loads(body) == {"code": "BERTH-P01", "error": "platform: must be pcbios or efi", "help": "Correct the request."}
    status, headers, _ = provisioner.curl("/boot.ipxe", "-X", "DELETE")
    assert status == 405 and headers["allow"] == "get, head"


def test_many_machines_at_once_lose_no_post(provisioner):
    provisioner.ctl("policy", "set", "--unknown", "enrol", "--yes")
    macs = [f"52:54:00:00:01:{n:02x}" for n in range(24)]

    def live(mac):
        script = urllib.request.urlopen(f"{provisioner.url}/v1/boot?mac={mac}&platform=efi", timeout=60).read().decode()
        words = dict(w.split("=", 1) for w in script.split() if w.startswith("berth."))
        for percent in range(10):
            request = urllib.request.Request(f"{provisioner.url}/v1/machines/{words['berth.machine']}/status", method="POST",
                                             data=json.dumps({"stage": "fetch", "percent": percent}).encode(),
                                             headers={"Berth-Boot": words["berth.boot"]})
            assert urllib.request.urlopen(request, timeout=60).status == 204

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        list(pool.map(live, macs))
    machines = provisioner.machines()
    assert sorted(m["macs"][0] for m in machines) == macs
    assert all(m["percent"] == 9 for m in machines)
    status, _, body = provisioner.curl("/metrics")
    assert status == 200 and b'berth_machines{mode="network"} 24\n' in body
    assert b'berth_boot_decisions_total{action="network"} 24\n' in body


def test_the_same_new_machine_asking_twice_at_once_is_one_machine(provisioner):
    provisioner.ctl("policy", "set", "--unknown", "enrol", "--yes")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: urllib.request.urlopen(f"{provisioner.url}/v1/boot?mac={MAC}&platform=efi", timeout=60).status, range(8)))
    assert answers == [200] * 8
    assert len(provisioner.machines()) == 1


def test_sigterm_ends_it_cleanly_and_all_is_kept(provisioner):
    provisioner.ctl("machine", "add", "--mac", MAC)
    token = provisioner.boot()
    os.kill(provisioner.process.pid, signal.SIGTERM)
    assert provisioner.process.wait(30) == 0
    provisioner.start()
    assert provisioner.curl("/v1/machines/m-0001/record", "-H", f"Berth-Boot: {token}")[0] == 200


def test_wrong_options_are_named(provisioner, build):
    program = build / "bin/berth-provisioner"
    good = {"--listen": "127.0.0.1:0", "--database": str(provisioner.folder / "x.db"), "--images": str(provisioner.images)}
    for option, value, word in (("--listen", "nowhere", "ADDRESS:PORT"), ("--listen", provisioner.address, "Address already in use"),
                                ("--images", "/nonexistent", "--images /nonexistent"), ("--public-url", "ftp://x", "http://host"),
                                ("--ipxe", "/nonexistent", "/nonexistent"), ("--database", "/nonexistent/x", "BERTH-P04")):
        done = subprocess.run([program, *(a for pair in {**good, option: value}.items() for a in pair)], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30)
        assert done.returncode == 1 and word in done.stderr, done.stderr
