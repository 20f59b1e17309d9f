# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a thread begins and where a C library calls us back nothing may be thrown: each such file uses base/no_throw.h, or is here with its reason."""
import re

from test_one_way_out import ROOT, sources

BORDERS = re.compile(r"\bstd::j?thread\b(?!> threads_)[^;]*[({]|\bthreads_\.emplace_back\b|\bthread_\(|\bCURLOPT_\w*FUNCTION\b|\bMHD_start_daemon\b"
                     r"|\bvirConnectDomainEventRegisterAny\b|\bvirStreamEventAddCallback\b|\bpam_message\*\*|\bplugin_init\b|\brpc_\w+_async\b|\bpthread_create\b"
                     r"|\bnftw\b|\bqsort\b|\bscandir\b|\bxmlSet\w+Func\b|->sax->\w+ ="
                     r"|\bg_signal_connect\w*\b|\bg_unix_fd_add\b|\bg_timeout_add\w*\b|\bg_idle_add\b")
REASONS = {
    "files/nfs/nfs_session.cpp": "its calls go through run_call (files/nfs/rpc_call.cpp)",
    "files/nfs/nfs_mount.cpp": "the same",
    "files/nfs/rpc_connection.cpp": "its callback copies three numbers",
    "greeter/session/pam/pam_conversation.h": "declares it",
    "guest/xml.cpp": "its callbacks set a flag, or do nothing",
}


def code_of(path):
    return re.sub(r"//.*", "", (ROOT / path).read_text())


def test_every_border_catches():
    files = [p for p in sources() if BORDERS.search(code_of(p))]
    assert {"volume/core/core_driver.cpp", "volume/plugin/plugin.cpp", "net/http_server.cpp", "net/http_client.cpp", "guest/libvirt/domain_ends.cpp",
            "greeter/session/pam/watchdog.cpp", "greeter/session/pam/pam_conversation.cpp"} <= set(files)
    assert [p for p in files if "no_throw(" not in code_of(p) and p not in REASONS] == []
    assert set(REASONS) <= set(files), "no border any more"
