// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/net/http_message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace wavs::http {

/// `*` stands for any text, `?` for one character; the whole origin must match, with its case.
bool origin_matches(std::string_view pattern, std::string_view origin);

/// The outermost layer of every response when origins are configured; else without effect.
class Cors {
public:
    explicit Cors(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

    bool enabled() const { return !patterns_.empty(); }
    void apply(const net::RequestHead& request, net::Response& response) const;
    /// The answer to any OPTIONS request; `allow` is empty for an unknown path.
    net::Response preflight(const std::string& allow) const;

private:
    bool allows(std::string_view origin) const;
    std::vector<std::string> patterns_;
};

}  // namespace wavs::http
