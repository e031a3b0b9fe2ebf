// SPDX-License-Identifier: Apache-2.0
#include "divergence_view.hpp"

#include "wavs/aggregator/divergence.hpp"

namespace wavs::app {
namespace {

http::DivergentEvent::SignedResult shown(const aggregator::SignedResult& result) {
    auto readable = aggregator::read_payload(result.envelope->payload);
    http::DivergentEvent::SignedResult out{result.digest,
                                           result.envelope->ordering,
                                           result.envelope->payload,
                                           std::move(readable.form),
                                           std::move(readable.text),
                                           {}};
    for (const auto* one : result.signers) {
        out.signers.push_back({one->signer, one->peer, one->received_at});
    }
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
    const auto results = aggregator::results_of(divergence.submissions);
    for (std::size_t i = 0; i < results.size(); ++i) {
        out.results.push_back(shown(results[i]));
        for (auto& one : aggregator::compare_results(results.front(), results[i])) {
            out.differences.push_back(
                {std::move(one.place), i, std::move(one.left), std::move(one.right)});
        }
    }
    return out;
}

}  // namespace wavs::app
