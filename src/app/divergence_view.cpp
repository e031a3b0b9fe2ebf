// SPDX-License-Identifier: Apache-2.0
#include "divergence_view.hpp"

#include "wavs/aggregator/divergence.hpp"
#include "wavs/base/hex.hpp"

#include <algorithm>
#include <map>

namespace wavs::app {
namespace {

using Result = http::DivergentEvent::SignedResult;

std::vector<Result> results_of(const aggregator::Divergence& divergence) {
    std::map<types::Bytes32, Result> by_digest;
    for (const auto& one : divergence.submissions) {
        if (!one.submission || one.state == types::ResultState::Waiting) {
            continue;
        }
        const auto& envelope = one.submission->envelope;
        auto& result = by_digest[types::envelope_digest(envelope)];
        if (result.signers.empty()) {
            auto readable = aggregator::read_payload(envelope.payload);
            result = {types::envelope_digest(envelope), envelope.ordering,        envelope.payload,
                      std::move(readable.form),         std::move(readable.text), {}};
        }
        result.signers.push_back({one.signer, one.peer, one.received_at});
    }
    std::vector<Result> out;
    for (auto& [digest, result] : by_digest) {
        out.push_back(std::move(result));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return std::pair(b.signers.size(), a.digest) < std::pair(a.signers.size(), b.digest);
    });
    return out;
}

}  // namespace

http::DivergentEvent divergent_event(const aggregator::Divergence& divergence) {
    http::DivergentEvent out;
    out.service = divergence.service;
    out.event_id = divergence.event;
    for (const auto& one : divergence.submissions) {
        if (one.submission) {
            out.workflow = one.submission->trigger_action.config.workflow_id;
        }
    }
    out.results = results_of(divergence);
    for (std::size_t other = 1; other < out.results.size(); ++other) {
        const auto& left = out.results.front();
        const auto& right = out.results[other];
        for (auto& one : aggregator::compare_payloads(left.payload, right.payload)) {
            out.differences.push_back(
                {std::move(one.place), other, std::move(one.left), std::move(one.right)});
        }
        if (!(left.ordering == right.ordering)) {
            out.differences.push_back({"ordering", other, base::hex0x(left.ordering.view()),
                                       base::hex0x(right.ordering.view())});
        }
    }
    return out;
}

}  // namespace wavs::app
