// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wavs::types {

/// An entry of `allowed_http_hosts`, for comparing manifests; what a run may reach is decided where
/// it asks (docs/protocol/06-components.md 4). Names in Unicode and other spellings of an address
/// are compared as they are written, so `covers()` may say no where the node would allow the same.
class HostPattern {
public:
    static HostPattern parse(std::string_view entry);

    /// Whatever `other` matches is matched by this one.
    bool covers(const HostPattern& other) const;

private:
    enum class Kind : std::uint8_t { Any, Suffix, Host };
    Kind kind_ = Kind::Host;
    /// In lower case; of a suffix with its dot in front.
    std::string host_;
    std::optional<std::uint16_t> port_;
};

}  // namespace wavs::types
