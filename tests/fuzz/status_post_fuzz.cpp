// SPDX-License-Identifier: GPL-3.0-or-later
// What a client posts: whatever is accepted can be shown and stored as JSON again.
#include <cstdint>
#include <cstdlib>

#include "server/boot/decision.h"
#include "server/model/machine_view.h"
#include "server/model/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth::server;
    const auto post = parse_status({reinterpret_cast<const char*>(data), size});
    if (!post) return 0;
    Machine machine{.id = "m-0001", .name = "a"};
    if (post->facts) machine.status.facts = *post->facts;
    if (post->session) machine.status.session = *post->session;
    if (post->error) machine.status.error = *post->error;
    for (const auto& line : status_lines(machine))
        for (unsigned char c : line)
            if (c < ' ' || c == 0x7f) abort();
    (void)list_row(machine, {});
    (void)disk_knowledge(machine);
    (void)machine_json(machine, {}).dump();
    // What was taken would be taken again, as it is, with nothing more to leave out.
    nlohmann::json again = nlohmann::json::object();
    if (post->boot_id) again["boot_id"] = *post->boot_id;
    if (post->error) again["error"] = *post->error;
    if (post->facts) again["facts"] = *post->facts;
    if (post->session) again["session"] = *post->session;
    const auto second = parse_status(again.dump());
    if (!second && !failed_as(second, berth::Condition::too_large)) abort();
    if (second && (!second->left_out.empty() || second->facts != post->facts ||
                   second->session != post->session || second->error != post->error))
        abort();
    return 0;
}
