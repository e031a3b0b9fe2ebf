// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/http/bearer_token.hpp"
#include "wavs/net/http_message.hpp"

#include <optional>
#include <string_view>

namespace wavs::http {

enum class TokenCheck {
    Right,
    /// No header, another scheme, or nothing behind it.
    Malformed,
    Wrong,
};
TokenCheck check_token(const net::Headers& headers, const BearerToken& token);

/// 401 with the challenge that says which of the two it was.
base::Error unauthorized();
std::string_view challenge(TokenCheck check);

/// Whether a request may change something on a node that has no token: only from this machine, not
/// through a proxy, and not from a page of another site. Denied, naming the key to set.
base::Result<void> check_local(const net::RequestHead& head);

}  // namespace wavs::http
