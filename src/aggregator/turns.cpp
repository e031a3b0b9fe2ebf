// SPDX-License-Identifier: Apache-2.0
// When it is this operator's turn to post: one after the other, so that one event costs one
// transaction (docs/decisions.md D-83).
#include "open_queue.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::aggregator {
namespace {

// Operators take turns by blocks and seconds: whoever waits for one looks so often.
constexpr auto kTurnLook = std::chrono::milliseconds(250);
// Before anybody's habits are known: time for the others' signatures to arrive.
constexpr auto kLongestSettling = std::chrono::milliseconds(500);

Signers signers_of(const std::vector<types::QueueSignature>& signatures) {
    Signers out;
    for (const auto& one : signatures) {
        out.insert(one.signer);
    }
    return out;
}

}  // namespace

// Who has signed another result of this event will not sign this one.
std::size_t Aggregator::rank_of(const OpenQueue& queue, const Chosen& chosen) const {
    const auto& service = *queue.service();
    auto expected =
        deps_.exchange->signers().expected(service.id, queue.event, deps_.clock.wall_now());
    const auto digest = types::envelope_digest(chosen.envelope);
    for (const auto& [other, collected] : queue.stored->envelopes) {
        if (other != digest) {
            for (const auto& one : collected.signatures) {
                expected.erase(one.signer);
            }
        }
    }
    return posting_rank(queue.event, service.signer, signers_of(chosen.signatures), expected);
}

// Since quorum was seen first.
async::Task<base::Result<Aggregator::Waited>> Aggregator::waited(OpenQueue& queue, Target& target) {
    if (!queue.reached) {
        WAVS_CO_TRY(const auto head, co_await target.head());
        queue.reached = {deps_.clock.steady_now(), head};
        co_return Waited();
    }
    const auto [since, block] = *queue.reached;
    WAVS_CO_TRY(const auto blocks, co_await target.blocks_after(block));
    co_return Waited{deps_.clock.steady_now() - since,
                     blocks_that_count(blocks.with_room, blocks.full)};
}

async::Task<base::Result<bool>> Aggregator::is_our_turn(OpenQueue& queue, Target& target,
                                                        const Chosen& chosen) {
    if (deps_.exchange == nullptr || options_.submit_stagger.count() == 0) {
        co_return true;
    }
    auto so_far = co_await waited(queue, target);
    if (!so_far.has_value()) {
        if (so_far.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(so_far).error();
        }
        co_await tell(queue, so_far.error());
        co_return false;
    }
    const auto [time, blocks] = so_far.value();
    const auto rank = rank_of(queue, chosen);
    base::Duration least = options_.submit_stagger * static_cast<int>(rank);
    if (rank == 0 && !deps_.exchange->signers().knows_habits(queue.service()->id, queue.event,
                                                             deps_.clock.wall_now())) {
        least = std::min<base::Duration>(kLongestSettling, options_.submit_stagger / 4);
    }
    if (time >= least && blocks >= kBlocksPerTurn * rank) {
        telemetry::log_debug("aggregator", "our turn to post",
                             {{"event", types::to_string(queue.event)},
                              {"place", rank},
                              {"signatures", chosen.signatures.size()},
                              {"blocks", blocks}});
        co_return true;
    }
    queue.look_again = kTurnLook;
    co_return false;
}

}  // namespace wavs::aggregator
