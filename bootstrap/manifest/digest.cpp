// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/digest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/fd.h"
#include "base/text.h"

namespace berth::boot {

Digest digest_of(std::string_view bytes) {
    Blake2b<32> hash;
    hash.add(bytes);
    return hash.finish();
}

Result<FileDigest> digest_of_file(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + path);
    std::vector<char> buffer(1 << 20);
    Blake2b<32> hash;
    FileDigest result;
    while (true) {
        const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read " + path);
        if (n == 0) break;
        hash.add({buffer.data(), static_cast<size_t>(n)});
        result.size += static_cast<uint64_t>(n);
    }
    result.hex = to_hex(hash.finish());
    return result;
}

}  // namespace berth::boot
