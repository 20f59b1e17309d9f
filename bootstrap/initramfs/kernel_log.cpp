// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/plain_text.h"

namespace berth::boot {
namespace {

/// The word behind `before` up to a blank, if it may be a file's path below /lib/firmware.
std::string word_behind(std::string_view line, std::string_view before) {
    const size_t at = line.find(before);
    if (at == std::string_view::npos) return {};
    line.remove_prefix(at + before.size());
    const std::string_view word = line.substr(0, line.find_first_of(" \n"));
    const bool plain = !word.empty() && word.size() <= 256 && std::ranges::all_of(word, is_printable_ascii);
    return plain ? std::string(word) : std::string();
}

}  // namespace

std::vector<std::string> missing_firmware(std::string_view kernel_log) {
    std::vector<std::string> files;
    while (!kernel_log.empty()) {
        const size_t end = kernel_log.find('\n');
        const std::string_view line = kernel_log.substr(0, end);
        kernel_log.remove_prefix(end == std::string_view::npos ? kernel_log.size() : end + 1);
        std::string file;
        if (line.find("firmware: failed to load ") != std::string_view::npos)
            file = word_behind(line, "firmware: failed to load ");
        else if (line.find(" failed with error ") != std::string_view::npos)
            file = word_behind(line, "Direct firmware load for ");
        // The wireless core's rules by country: no device waits for them, and every kernel asks.
        if (file.starts_with("regulatory.db")) continue;
        if (!file.empty() && std::ranges::find(files, file) == files.end()) files.push_back(file);
    }
    return files;
}

std::string KernelLog::read_on() {
    std::string text;
    if (!fd_) fd_ = UniqueFd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd_) return text;
    char record[8192];
    // One read is one record; EPIPE says that old ones were overwritten meanwhile (dev-kmsg in the kernel's
    // ABI documents).
    while (true) {
        const ssize_t n = read(fd_.get(), record, sizeof record);
        if (n > 0)
            text.append(record, static_cast<size_t>(n));
        else if (n == 0 || (errno != EPIPE && errno != EINTR))
            return text;
    }
}

size_t KernelLog::add_missing_firmware(std::vector<std::string>& known) {
    size_t added = 0;
    for (auto& file : missing_firmware(read_on())) {
        if (known.size() >= k_most_firmware) break;
        if (std::ranges::find(known, file) != known.end()) continue;
        known.push_back(std::move(file));
        ++added;
    }
    return added;
}

}  // namespace berth::boot
