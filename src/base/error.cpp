// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/error.hpp"

#include <array>

namespace wavs::base {

std::string_view to_string(ErrorKind kind) {
    static constexpr std::array<std::string_view, 12> kNames = {
        "invalid",     "not_found", "conflict",  "denied", "too_large",   "overloaded",
        "unavailable", "timeout",   "cancelled", "guest",  "unsupported", "bug"};
    return kNames.at(static_cast<std::size_t>(kind));
}

std::string Error::full_text() const {
    return remedy_.empty() ? message_ : fmt::format("{} ({})", message_, remedy_);
}

}  // namespace wavs::base
