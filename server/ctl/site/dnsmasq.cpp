// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/dnsmasq.h"

#include "base/text.h"
#include "server/ctl/verbs.h"

namespace berth::server {
namespace {

constexpr std::string_view k_scheme = "http://";

class Dnsmasq final : public Verb {
  public:
    explicit Dnsmasq(CLI::App& command) {
        command
            .add_option("--mode", mode_, "dhcp: give addresses; proxy: only add to the site's DHCP server")
            ->check(CLI::IsMember({"dhcp", "proxy"}))
            ->capture_default_str();
        command.add_option("--interface", options_.interface, "where the workstations are")->required();
        command.add_option("--range", range_, "dhcp: FIRST,LAST; proxy: the network's address")->required();
        auto* server_ip =
            command.add_option("--server-ip", options_.server_ip, "this server's address there");
        auto* port = command.add_option("--http-port", options_.http_port, "the provisioner's port")
                         ->capture_default_str();
        command.add_option("--url", url_, "instead of these two: http://ADDRESS:PORT")
            ->excludes(server_ip)
            ->excludes(port);
        command.add_option("--tftp-root", options_.tftp_root,
                           "TFTP folder; without: only clients that already are iPXE, by HTTP");
        command.add_option("--ntp", options_.ntp, "time servers' addresses with commas between");
        command.add_option("--router", options_.router, "default router");
    }

    Result<Answer> run(Ctl& /*ctl*/) override {
        options_.mode = mode_ == "proxy" ? DhcpMode::proxy : DhcpMode::dhcp;
        if (!url_.empty()) BERTH_TRY(take_url());
        const size_t comma = range_.find(',');
        options_.range_first = range_.substr(0, comma);
        options_.range_last = comma == std::string::npos ? "" : range_.substr(comma + 1);
        const auto text = BERTH_TRY(dnsmasq_settings(options_));
        return file_answer(text);
    }

  private:
    Status take_url() {
        const auto address =
            url_.starts_with(k_scheme) ? parse_authority(url_.substr(k_scheme.size())) : std::nullopt;
        if (!address) return fail(ErrorCode::P06, "url \"{}\": must be http://ADDRESS:PORT", url_);
        options_.server_ip = address->host;
        options_.http_port = address->port.value_or(80);
        return {};
    }

    DnsmasqOptions options_;
    std::string mode_ = "dhcp", range_, url_;
};

}  // namespace

const MakeVerb dnsmasq = make_verb<Dnsmasq>;

}  // namespace berth::server
