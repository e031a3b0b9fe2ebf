// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/types/ids.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::cli {

/// What a service of a node may do, a sentence each.
struct ServicePermissions {
    types::ServiceId service;
    std::string name;
    std::vector<std::string> permissions;
    /// An update that asks for more than the operator agreed to.
    struct More {
        types::ServiceDigest digest;
        std::string uri;
        bool in_force = false;
        std::vector<std::string> permissions;
    };
    std::optional<More> asks_for_more;
};

/// Of the text that `NodeClient::service_states` brings.
base::Result<std::vector<ServicePermissions>> read_permissions(std::string_view text);

/// For people, one line each; says what to do where an update waits.
std::vector<std::string> permission_lines(const std::vector<ServicePermissions>& services);

}  // namespace wavs::cli
