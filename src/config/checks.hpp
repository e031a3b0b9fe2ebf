// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::config {

/// "level", "target=level" or "target[span{field=value}]=level".
base::Result<void> check_log_directives(std::vector<std::string>& directives);
base::Result<void> check_http_url(std::string& url);
base::Result<void> check_optional_http_url(std::optional<std::string>& url);
base::Result<void> check_http_urls(std::vector<std::string>& urls);
base::Result<void> check_ws_url(std::string& url);
base::Result<void> check_ws_urls(std::vector<std::string>& urls);
/// Adds the slash that a gateway must end with.
base::Result<void> check_gateway(std::string& url);
base::Result<void> check_not_zero(std::uint64_t& value);
base::Result<void> check_not_zero_32(std::uint32_t& value);
/// Service ids, or "*".
base::Result<void> check_record_services(std::vector<std::string>& services);
base::Result<void> check_not_zero_secs(std::chrono::seconds& value);

bool is_loopback(std::string_view host);
/// Whether a CORS pattern has a path, which no Origin has.
bool has_path(std::string_view pattern);
/// `ip:port`.
bool is_ip_and_port(std::string_view text);

}  // namespace wavs::config
