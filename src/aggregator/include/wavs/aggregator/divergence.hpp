// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/types/records.hpp"

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

/// One of the results of an event, with those who signed it.
struct SignedResult {
    types::Bytes32 digest;
    const types::Envelope* envelope = nullptr;
    std::vector<const types::SubmissionRecord*> signers;
};
/// Those with most signers first; points into `submissions`. What waits for the registration of its
/// signer, and what was shortened, is left out. With more than one, operators do not agree.
std::vector<SignedResult> results_of(const std::vector<types::SubmissionRecord>& submissions);
/// Of the payloads, and of what else was signed.
std::vector<PayloadDifference> compare_results(const SignedResult& left, const SignedResult& right,
                                               std::size_t most = 20);
/// One line: who signed what, and how each differs from the first.
std::string divergence_text(const std::vector<SignedResult>& results);

}  // namespace wavs::aggregator
