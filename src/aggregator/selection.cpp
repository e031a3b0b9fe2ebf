// SPDX-License-Identifier: Apache-2.0
#include "aggregator_parts.hpp"
#include "open_queue.hpp"

#include <algorithm>

namespace wavs::aggregator {

async::Task<bool> Aggregator::hold(OpenQueue& queue, std::string text) {
    queue.held = true;
    co_await tell(queue, std::move(text));
    co_return false;
}

// Leaves in `chosen` what the component wants posted, if it has a say (docs/protocol/
// 06-components.md 6.7). False: not now.
async::Task<base::Result<bool>> Aggregator::select(OpenQueue& queue, Target& target,
                                                   Chosen& chosen) {
    const auto& [work, action] = queue.speaker();
    auto chooses = co_await deps_.components.selects(work->input);
    if (!chooses.has_value()) {
        co_return co_await not_now(queue, std::move(chooses).error());
    }
    if (!chooses.value()) {
        co_return true;
    }
    std::sort(chosen.signatures.begin(), chosen.signatures.end(),
              [](const auto& a, const auto& b) { return a.signer < b.signer; });
    auto entries = co_await entries_of(action, target, chosen);
    if (!entries.has_value()) {
        co_return co_await not_now(queue, std::move(entries).error());
    }
    auto selection =
        co_await deps_.components.select(work->input, action, std::move(entries.value()));
    if (!selection.has_value()) {
        const auto& error = selection.error();
        if (error.kind() == base::ErrorKind::Cancelled || is_transient(error)) {
            co_return co_await not_now(queue, error);
        }
        co_return co_await hold(queue, "Selection: " + error.message());
    }
    if (!selection.value()) {
        co_return true;
    }
    if (selection.value()->empty()) {
        co_return co_await hold(queue, "Selection: the component waits for more signatures");
    }
    std::vector<types::QueueSignature> wanted;
    for (const auto index : *selection.value()) {
        wanted.push_back(chosen.signatures.at(index));
    }
    chosen.signatures = std::move(wanted);
    co_return co_await check_again(queue, target, chosen);
}

// Cancelled, or told, to be tried again.
async::Task<base::Result<bool>> Aggregator::not_now(OpenQueue& queue, base::Error error) {
    if (error.kind() == base::ErrorKind::Cancelled) {
        co_return error;
    }
    co_await tell(queue, error);
    co_return false;
}

async::Task<base::Result<std::vector<QuorumEntry>>> Aggregator::entries_of(
    types::SubmitAction action, Target& target, const Chosen& chosen) {
    std::vector<types::EvmAddress> signers;
    for (const auto& one : chosen.signatures) {
        signers.push_back(one.signer);
    }
    WAVS_CO_TRY(auto weights,
                co_await target.weights(action, std::move(signers), chosen.reference_block));
    std::vector<QuorumEntry> entries;
    for (std::size_t i = 0; i < chosen.signatures.size(); ++i) {
        const auto& one = chosen.signatures[i];
        entries.push_back(
            {base::to_bytes(one.signer.view()), std::move(weights.at(i)), one.signature.data});
    }
    co_return std::move(entries);
}

async::Task<base::Result<bool>> Aggregator::check_again(OpenQueue& queue, Target& target,
                                                        Chosen& chosen) {
    CheckRequest question{queue.speaker().action, queue.service(), chosen.envelope,
                          chosen.signatures};
    auto answer = co_await target.check(std::move(question));
    if (!answer.has_value()) {
        co_return co_await not_now(queue, std::move(answer).error());
    }
    count_refusal(answer.value());
    if (answer.value().state != QuorumCheck::State::Reached) {
        co_return co_await hold(queue, "Selection: " + answer.value().text);
    }
    chosen.reference_block = answer.value().reference_block;
    co_return true;
}

}  // namespace wavs::aggregator
