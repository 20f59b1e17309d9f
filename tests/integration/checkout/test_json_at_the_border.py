# SPDX-License-Identifier: GPL-3.0-or-later
"""Greeter and volume know JSON only where it comes in or goes out: the readers of messages, the files that own a socket, and records. Behind them are structs."""
import re

from test_one_way_out import ROOT, sources

BORDERS = {
    "greeter/protocol/forms.h": "how messages look in JSON",
    "greeter/session/resources/provisioner_client.cpp": "speaks HTTP",
    "greeter/session/leftovers/state_store.cpp": "a record",
    "volume/api/control_forms.h": "how messages look in JSON",
    "volume/api/volume_config.cpp": "a record",
}
READERS = {"greeter/protocol/protocol.cpp", "greeter/protocol/protocol.h", "volume/api/control_wire.cpp", "volume/api/control_wire.h"}
# Who owns a socket hands frames on, and names no JSON itself.
SOCKETS = {"greeter/session/greeter_link.cpp", "greeter/session/greeter_link.h", "greeter/screen/viewer.cpp", "greeter/supervisor/greeter.cpp", "greeter/supervisor/peer.h", "greeter/supervisor/screen_service.cpp", "greeter/supervisor/screen_service.h", "greeter/ui-text/ui.cpp",
           "volume/api/volume_process.cpp", "volume/api/volume_process.h", "volume/plugin/control_server.cpp", "volume/plugin/control_server.h"}
JSON = re.compile(r'nlohmann|[<"]base/(strict_json|message_form)\.h[">]|\bjson::')
FORMS = re.compile(r'"(greeter/protocol/(?:screen_)?forms|volume/api/control_forms)\.h"')
FRAMES = re.compile(r'"(base/message|greeter/protocol/protocol|volume/api/control_wire)\.h"')


def files_with(pattern):
    return {p for p in sources() if p.startswith(("greeter/", "volume/")) and pattern.search(re.sub(r"//.*", "", (ROOT / p).read_text()))}


def test_only_borders_know_json():
    assert files_with(JSON) == set(BORDERS)


def test_only_readers_know_how_a_message_looks():
    assert files_with(FORMS) - {"greeter/protocol/screen_forms.h"} == {reader for reader in READERS if reader.endswith(".cpp")}


def test_only_who_owns_a_socket_sees_frames():
    assert files_with(FRAMES) == SOCKETS | READERS
