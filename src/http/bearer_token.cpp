// SPDX-License-Identifier: Apache-2.0
#include "wavs/http/bearer_token.hpp"

#include <algorithm>

namespace wavs::http {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

base::Error bad_token(std::string message) {
    return {base::ErrorKind::Invalid, "bearer_token", std::move(message),
            "set `bearer_token` to a long random text, or remove it"};
}

}  // namespace

base::Result<BearerToken> BearerToken::make(std::string_view text) {
    if (text.empty()) {
        return bad_token("`bearer_token` is empty, so nobody could present it");
    }
    if (is_blank(text.front()) || is_blank(text.back())) {
        return bad_token("`bearer_token` begins or ends with a blank, which a header cannot carry");
    }
    const bool control = std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
    if (control) {
        return bad_token("`bearer_token` has a control character, which a header cannot carry");
    }
    return BearerToken(text);
}

BearerToken::~BearerToken() {
    volatile char* at = text_.data();
    for (std::size_t i = 0; i < text_.size(); ++i) {
        at[i] = 0;
    }
}

bool BearerToken::matches(std::string_view presented) const {
    if (presented.size() != text_.size()) {
        return false;
    }
    // `volatile`, so that no compiler turns the loop into one that stops at the first difference.
    volatile unsigned char difference = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
        difference = static_cast<unsigned char>(difference | (text_[i] ^ presented[i]));
    }
    return difference == 0;
}

}  // namespace wavs::http
