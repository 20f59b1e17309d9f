// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/secret.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace berth::session {

Result<Secret> Secret::from(std::string_view text) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    Secret secret;
    secret.mapped_ = (text.size() / page + 1) * page;
    void* p = mmap(nullptr, secret.mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        secret.mapped_ = 0;
        return fail_errno("mmap for a password");
    }
    secret.data_ = static_cast<char*>(p);
    if (mlock(p, secret.mapped_) != 0) return fail_errno("mlock a password");
    if (madvise(p, secret.mapped_, MADV_DONTDUMP) != 0) return fail_errno("madvise a password");
    std::memcpy(p, text.data(), text.size());
    secret.size_ = text.size();
    return secret;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        mapped_ = std::exchange(other.mapped_, 0);
    }
    return *this;
}

void Secret::wipe() {
    if (data_ == nullptr) return;
    explicit_bzero(data_, mapped_);
    munmap(data_, mapped_);
    data_ = nullptr;
    size_ = mapped_ = 0;
}

Status protect_process_memory() {
    mallopt(M_PERTURB, 0xa5);
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return fail_errno("setrlimit core");
    if (prctl(PR_SET_DUMPABLE, 0) != 0) return fail_errno("prctl PR_SET_DUMPABLE");
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) return fail_errno("mlockall");
    return {};
}

}  // namespace berth::session
