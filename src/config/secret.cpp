// SPDX-License-Identifier: Apache-2.0
#include "wavs/config/secret.hpp"

#include <string.h>

#include <algorithm>

namespace wavs::config {

void wipe(std::string& text) {
    explicit_bzero(text.data(), text.size());
    text.clear();
}

SecretString::SecretString(std::string_view text)
    : data_(std::make_unique<char[]>(text.size())), size_(text.size()) {
    std::copy(text.begin(), text.end(), data_.get());
}

SecretString::~SecretString() {
    if (data_ != nullptr) {
        explicit_bzero(data_.get(), size_);
    }
}

}  // namespace wavs::config
