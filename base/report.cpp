// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/report.h"

#include <sys/uio.h>
#include <syslog.h>
// Every event would name this file, and by the path the compiler happened to be given: images would not be
// the same.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cctype>

#include "base/output.h"

namespace berth {
namespace {

int priority(Level level) {
    switch (level) {
        case Level::debug:
            return LOG_DEBUG;
        case Level::info:
            return LOG_INFO;
        case Level::warning:
            return LOG_WARNING;
        case Level::error:
            return LOG_ERR;
    }
    return LOG_ERR;
}

std::string as_line(std::string_view event, const Fields& fields) {
    std::string line(event);
    for (const auto& [name, value] : fields) line += fmt::format(" {}={}", name, value);
    return printable(line);
}

}  // namespace

JournalReport::JournalReport(std::string program)
    : program_(std::move(program)), journal_(access("/run/systemd/journal/socket", W_OK) == 0) {}

void JournalReport::event(Level level, std::string_view event, const Fields& fields) {
    const std::string line = as_line(event, fields);
    if (!journal_) {
        complain("{}: {}\n", program_, line);
        return;
    }
    std::vector<std::string> entries{"MESSAGE=" + line, fmt::format("PRIORITY={}", priority(level)),
                                     "SYSLOG_IDENTIFIER=" + program_};
    for (const auto& [name, value] : fields) {
        std::string upper;
        for (char c : name) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        entries.push_back(fmt::format("BERTH_{}={}", upper, printable(value)));
    }
    std::vector<iovec> vectors;
    for (auto& e : entries) vectors.push_back({.iov_base = e.data(), .iov_len = e.size()});
    sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size()));
}

}  // namespace berth
