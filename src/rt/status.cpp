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

}  // namespace

base::Error error_of(std::uint32_t status, std::string message) {
    for (const auto& meaning : kMeanings) {
        if (meaning.status == status) {
            return {meaning.kind, meaning.code, std::move(message), std::string(meaning.remedy)};
        }
    }
    return {ErrorKind::Bug, "rt_status",
            fmt::format("the engine library answers with status {}: {}", status, message)};
}

}  // namespace wavs::rt
