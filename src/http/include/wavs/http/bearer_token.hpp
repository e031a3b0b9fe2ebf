// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <string_view>
#include <vector>

namespace wavs::http {

/// What a client has to present to change anything. Moved, never copied; wiped on destruction; it
/// has no text form, so it cannot be logged by mistake.
class BearerToken {
public:
    /// Refuses what no `Authorization` header could carry, the empty text first. Code
    /// `bearer_token`; the error does not repeat the text.
    static base::Result<BearerToken> make(std::string_view text);

    BearerToken(BearerToken&&) noexcept = default;
    BearerToken& operator=(BearerToken&&) = delete;
    BearerToken(const BearerToken&) = delete;
    BearerToken& operator=(const BearerToken&) = delete;
    ~BearerToken();

    /// Takes the same time for every text of the same length.
    bool matches(std::string_view presented) const;

private:
    explicit BearerToken(std::string_view text) : text_(text.begin(), text.end()) {}
    // A vector, because a moved short string would leave its characters behind.
    std::vector<char> text_;
};

}  // namespace wavs::http
