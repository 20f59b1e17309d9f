// SPDX-License-Identifier: GPL-3.0-or-later
// berth-kvm-probe(8): {"usable":bool,"why":str} on standard output; exit code 0 usable, 1 not.
#include <nlohmann/json.hpp>

#include "base/output.h"
#include "guest/kvm/kvm_probe.h"

int main() {
    const berth::Status usable = berth::guest::probe_kvm();
    const std::string why = usable ? std::string() : usable.error().detail();
    berth::say_json({{"usable", usable.has_value()}, {"why", why}}, -1);
    return usable ? 0 : 1;
}
