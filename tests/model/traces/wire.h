// SPDX-License-Identifier: GPL-3.0-or-later
// Sockets on loopback, and whole RPC records on them (RFC 5531 11: a length word, its top bit set on the last
// fragment; libnfs and Ganesha send one fragment).
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"

namespace berth::traces {

UniqueFd connect_to(uint16_t port);
UniqueFd listen_on_any(uint16_t& port);
/// false: the connection is gone.
bool read_record(int fd, std::string& record);
void write_record(int fd, const std::string& record);
/// SO_LINGER 0, then closed: the peer sees a reset.
void reset_connection(UniqueFd& fd);

uint32_t word_at(const std::string& record, size_t offset);
void set_word(std::string& record, size_t offset, uint32_t value);
/// The nfsstat3 that an accepted reply begins with.
uint32_t nfs_status(const std::string& reply);

}  // namespace berth::traces
