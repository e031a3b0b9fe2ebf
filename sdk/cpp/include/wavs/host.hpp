// SPDX-License-Identifier: Apache-2.0
#pragma once

// The node's host interface.

#include <cstdlib>

#include "wavs/base.hpp"

namespace wavs::host {

enum class Level : std::uint8_t { Error, Warn, Info, Debug, Trace };

inline void log(Level level, std::string_view message) {
    auto raw_level = host_log_level_t{static_cast<std::uint8_t>(level)};
    auto text = raw::lend(message);
    host_log(&raw_level, &text);
}

inline std::optional<std::string> config(std::string_view key) {
    auto name = raw::lend(key);
    wavs_string_t value;
    if (!host_config_var(&name, &value)) {
        return std::nullopt;
    }
    return std::string(raw::view(value));
}

inline Result<std::string> required_config(std::string_view key) {
    if (auto value = config(key)) {
        return *std::move(value);
    }
    return Error("config var " + std::string(key) + " not found");
}

inline std::optional<std::string> env(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

inline bool all_zero(BytesView bytes) {
    for (const auto byte : bytes) {
        if (byte != 0) {
            return false;
        }
    }
    return true;
}

inline bool has_evm_chain(std::string_view key) {
    auto name = raw::lend(key);
    host_evm_chain_config_t found;
    return host_get_evm_chain_config(&name, &found);
}

inline bool has_cosmos_chain(std::string_view key) {
    auto name = raw::lend(key);
    host_cosmos_chain_config_t found;
    return host_get_cosmos_chain_config(&name, &found);
}

/// Whether the service is managed on a Cosmos chain, which decides the payload's encoding.
inline bool cosmos_manager() {
    host_service_and_workflow_id_t found;
    host_get_service(&found);
    return found.service.manager.tag == WAVS_TYPES_SERVICE_SERVICE_MANAGER_COSMOS;
}

}  // namespace wavs::host
