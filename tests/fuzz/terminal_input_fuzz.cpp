// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes of a keyboard and of a guest's console: however reads cut them, the same keys come out, the attention
// key never reaches the guest, and output is never held back for good. The first byte says where to cut.
#include <clocale>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "greeter/supervisor/boot_facts.h"
#include "greeter/supervisor/pump.h"
#include "greeter/supervisor/terminal_reset.h"
#include "greeter/ui/keys.h"

namespace {

using namespace berth;

std::vector<ui::Key> keys_of(std::string_view bytes, size_t cut) {
    ui::KeyDecoder decoder;
    auto keys = decoder.feed(bytes.substr(0, cut));
    for (const auto& key : decoder.feed(bytes.substr(std::min(cut, bytes.size())))) keys.push_back(key);
    for (const auto& key : decoder.timeout()) keys.push_back(key);
    if (decoder.waiting()) std::abort();
    return keys;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bool locale = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
    if (!locale || size < 2) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, std::min<size_t>(size - 1, 4096));
    const size_t cut = data[0] % bytes.size();
    if (keys_of(bytes, bytes.size()) != keys_of(bytes, cut)) std::abort();

    supervisor::AttentionKey attention;
    for (const auto part : {bytes.substr(0, cut), bytes.substr(cut)})
        if (attention.feed(part).for_guest.find(supervisor::k_attention) != std::string_view::npos)
            std::abort();

    supervisor::OutputTracker whole, parts;
    whole.feed(bytes);
    for (const char c : bytes) parts.feed({&c, 1});
    if (whole.at_rest() != parts.at_rest()) std::abort();
    supervisor::GuestOutput output;
    output.put(bytes);
    output.add_line(supervisor::status_line(bytes), true);
    while (!output.next().empty()) output.written(1 + output.next().size() / 2);

    // A status line is text of one line whatever stands in it.
    const std::string line = supervisor::status_line(bytes);
    if (!line.starts_with("\x1b[0m\r\n[Berth: ") || !line.ends_with("]\r\n")) std::abort();
    for (const unsigned char c : line.substr(6, line.size() - 8))
        if (c < ' ' || c == 0x7f) std::abort();
    const auto facts = supervisor::parse_boot_facts(bytes);
    if (facts.host.size() > 200) std::abort();
    const std::string console = supervisor::console_path(bytes);
    if (!console.starts_with("/dev/") || console.find('/', 5) != console.npos) std::abort();
    (void)supervisor::term_for(console);
    return 0;
}
