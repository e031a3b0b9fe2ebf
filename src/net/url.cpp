// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <algorithm>
#include <charconv>

namespace wavs::net {
namespace {

base::Error invalid_url(std::string_view why) {
    return {base::ErrorKind::Invalid, "url_invalid", fmt::format("not a usable URL: {}", why),
            "write an absolute address such as https://host:port/path"};
}

std::uint16_t default_port(std::string_view scheme) {
    return scheme == "https" || scheme == "wss" ? 443 : 80;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

// A decoded host is later put into a header and into a TLS name: printable ASCII only.
bool safe_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '/' && c != '@' && c != '"' && c != '\\';
    });
}

base::Result<Url> from_view(const boost::urls::url_view& view) {
    Url out;
    out.scheme = lower(view.scheme());
    if (out.scheme != "http" && out.scheme != "https" && out.scheme != "ws" &&
        out.scheme != "wss") {
        return base::Error(base::ErrorKind::Invalid, "url_scheme",
                           fmt::format("URL scheme \"{}\" is not supported", out.scheme),
                           "use http, https, ws or wss");
    }
    const bool ipv6 = view.host_type() == boost::urls::host_type::ipv6;
    out.host =
        lower(ipv6 ? std::string(view.host_ipv6_address().to_string()) : std::string(view.host()));
    if (!safe_host(out.host)) {
        return invalid_url("it has no valid host");
    }
    out.port = default_port(out.scheme);
    if (view.has_port() && !view.port().empty()) {
        const std::string digits(view.port());
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
        if (error != std::errc() || end != digits.data() + digits.size() || out.port == 0) {
            return invalid_url("its port is not between 1 and 65535");
        }
    }
    out.target = std::string(view.encoded_target());
    if (out.target.empty() || out.target.front() != '/') {
        out.target.insert(out.target.begin(), '/');
    }
    if (view.has_userinfo()) {
        out.userinfo = view.userinfo();
    }
    return out;
}

}  // namespace

base::Result<Url> Url::parse(std::string_view text) {
    auto parsed = boost::urls::parse_uri(text);
    if (!parsed) {
        return invalid_url(parsed.error() == boost::urls::error::not_a_base
                               ? "relative URL without a base"
                               : "it cannot be parsed");
    }
    return from_view(*parsed);
}

base::Result<Url> Url::resolve(std::string_view reference) const {
    // The parsed form is a view into this text.
    const auto here = fmt::format("{}://{}{}", scheme, host_header(), target);
    auto base_url = boost::urls::parse_uri(here);
    auto relative = boost::urls::parse_uri_reference(reference);
    if (!base_url || !relative) {
        return invalid_url("a redirect names an address that cannot be parsed");
    }
    boost::urls::url resolved;
    if (auto done = boost::urls::resolve(*base_url, *relative, resolved); !done) {
        return invalid_url("a redirect names an address that cannot be resolved");
    }
    return from_view(resolved);
}

std::string Url::redacted() const {
    const bool v6 = host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}", scheme, v6 ? "[" : "", host, v6 ? "]" : "", port);
}

std::string Url::host_header() const {
    const bool v6 = host.find(':') != std::string::npos;
    auto out = fmt::format("{}{}{}", v6 ? "[" : "", host, v6 ? "]" : "");
    if (port != default_port(scheme)) {
        out += fmt::format(":{}", port);
    }
    return out;
}

}  // namespace wavs::net
