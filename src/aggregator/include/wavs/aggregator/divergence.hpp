// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"

#include <optional>
#include <string>
#include <vector>

namespace wavs::aggregator {

/// Two results side by side, for who has to find out why operators do not agree. Pure.

/// A payload as a person reads it: JSON, text, the words of an ABI encoding, or bytes.
struct ReadablePayload {
    /// "json", "text", "abi" or "bytes".
    std::string form;
    std::string text;
};
ReadablePayload read_payload(base::ByteView payload);

struct PayloadDifference {
    /// JSON pointer, or "byte N" or "word N" of an ABI encoding.
    std::string place;
    std::string left;
    std::string right;
};
/// The differences, at most `most`; empty when the payloads are equal.
std::vector<PayloadDifference> compare_payloads(base::ByteView left, base::ByteView right,
                                                std::size_t most = 20);

}  // namespace wavs::aggregator
