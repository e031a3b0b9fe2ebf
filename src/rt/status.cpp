// SPDX-License-Identifier: Apache-2.0
#include "status.hpp"

#include <wavs_rt.h>

#include <array>

namespace wavs::rt {
namespace {

using base::ErrorKind;

struct Meaning {
    std::uint32_t status;
    ErrorKind kind;
    base::ErrorCode code;
    std::string_view remedy;
};

// OutOfTime is Timeout, not Guest: the guest may have waited for somebody else, so a second try
// makes sense. Filesystem and Internal are the node's, hence Unavailable.
constexpr std::array<Meaning, 13> kMeanings = {{
    {WAVS_RT_STATUS_NOT_FOUND, ErrorKind::NotFound, "component_not_found", ""},
    {WAVS_RT_STATUS_COMPILE, ErrorKind::Guest, "compile", "build the component again"},
    {WAVS_RT_STATUS_INSTANTIATE, ErrorKind::Guest, "instantiate",
     "build the component against the interfaces of this node"},
    {WAVS_RT_STATUS_OUT_OF_FUEL, ErrorKind::Guest, "out_of_fuel", "raise fuel_limit"},
    {WAVS_RT_STATUS_OUT_OF_TIME, ErrorKind::Timeout, "out_of_time", "raise time_limit_seconds"},
    {WAVS_RT_STATUS_COMPONENT_ERROR, ErrorKind::Guest, "component_error", ""},
    {WAVS_RT_STATUS_EXEC_RESULT, ErrorKind::Guest, "exec_result", ""},
    {WAVS_RT_STATUS_INVALID_INPUT, ErrorKind::Bug, "rt_invalid_input", ""},
    {WAVS_RT_STATUS_FILESYSTEM, ErrorKind::Unavailable, "guest_files",
     "check the data directory of the node"},
    {WAVS_RT_STATUS_CANCELLED, ErrorKind::Cancelled, "cancelled", ""},
    {WAVS_RT_STATUS_NEEDS_NEWER_NODE, ErrorKind::Unsupported, "needs_newer_node",
     "update the node"},
    {WAVS_RT_STATUS_PANIC, ErrorKind::Bug, "rt_panic", ""},
    {WAVS_RT_STATUS_INTERNAL, ErrorKind::Unavailable, "rt_internal", ""},
}};

constexpr std::array<Meaning, 7> kPeerMeanings = {{
    {WAVS_P2P_STATUS_INVALID, ErrorKind::Invalid, "p2p_invalid", ""},
    {WAVS_P2P_STATUS_LISTEN, ErrorKind::Unavailable, "p2p_listen",
     "choose an address and port of this machine that are free"},
    {WAVS_P2P_STATUS_NOT_SUBSCRIBED, ErrorKind::Invalid, "p2p_not_subscribed", ""},
    {WAVS_P2P_STATUS_OVERLOADED, ErrorKind::Overloaded, "p2p_overloaded", "try again later"},
    {WAVS_P2P_STATUS_STOPPED, ErrorKind::Cancelled, "p2p_stopped", ""},
    {WAVS_P2P_STATUS_INTERNAL, ErrorKind::Unavailable, "p2p_failed", "start the node again"},
    {WAVS_P2P_STATUS_PANIC, ErrorKind::Bug, "p2p_panic", "start the node again"},
}};

template <std::size_t N>
base::Error look_up(const std::array<Meaning, N>& meanings, std::uint32_t status,
                    std::string message) {
    for (const auto& meaning : meanings) {
        if (meaning.status == status) {
            return {meaning.kind, meaning.code, std::move(message), std::string(meaning.remedy)};
        }
    }
    return {ErrorKind::Bug, "rt_status",
            fmt::format("the engine library answers with status {}: {}", status, message)};
}

}  // namespace

base::Error error_of(std::uint32_t status, std::string message) {
    return look_up(kMeanings, status, std::move(message));
}

base::Error peer_error_of(std::uint32_t status, std::string message) {
    return look_up(kPeerMeanings, status, std::move(message));
}

base::Error abi_error(std::uint32_t found) {
    return {base::ErrorKind::Bug, "rt_abi",
            fmt::format("the engine library has interface version {}, this node needs {}", found,
                        WAVS_RT_ABI_VERSION),
            "build the node and its library from the same sources"};
}

}  // namespace wavs::rt
