// SPDX-License-Identifier: Apache-2.0
#include "journal_records.hpp"

#include "wavs/dispatcher/journal.hpp"
#include "wavs/storage/keys.hpp"

#include <algorithm>

namespace wavs::dispatcher {
namespace {

using storage::Keyspace;

std::string replaced_text(const types::EvmEventData& event) {
    return fmt::format("{} replaced its block {} ({})", event.chain.str(), event.block_number,
                       types::to_string(event.block_hash));
}

}  // namespace

std::string_view to_string(Journal::RetractedStage stage) {
    switch (stage) {
        case Journal::RetractedStage::Unsigned:
            return "unsigned";
        case Journal::RetractedStage::Signed:
            return "signed";
        case Journal::RetractedStage::Submitting:
            return "submitting";
        case Journal::RetractedStage::Posted:
            return "posted";
        case Journal::RetractedStage::Ended:
            return "ended";
    }
    return "unknown";
}

// A result whose transaction is on its way is left to the aggregator: only the chain knows what
// becomes of it.
base::Result<Journal::RetractedStage> Journal::retract_results(std::uint64_t sequence,
                                                               const std::string& reason,
                                                               storage::Batch& batch) {
    WAVS_TRY(auto results, results_of(sequence));
    auto stage = RetractedStage::Ended;
    for (auto& result : results) {
        if (result.state == types::ResultState::Submitting) {
            stage = RetractedStage::Submitting;
        } else if (types::is_open(result.state)) {
            stage = std::min(stage, RetractedStage::Signed);
            result.state = types::ResultState::Retracted;
            result.reason = reason;
            result.updated_at = clock_.wall_now();
            put_result(batch, result);
            batch.erase(Keyspace::Timers,
                        types::result_key(result.event_sequence, result.response_index));
        } else if (result.state == types::ResultState::Burned) {
            stage = std::min(stage, RetractedStage::Posted);
        }
    }
    return stage;
}

// What can be taken back of one event.
base::Result<std::optional<Journal::Retracted>> Journal::retract_one(std::uint64_t sequence,
                                                                     storage::Batch& batch) {
    WAVS_TRY(auto record, event(sequence));
    const auto* evm = record ? std::get_if<types::EvmEventData>(&record->action.data) : nullptr;
    if (evm == nullptr || record->state == types::EventState::Retracted) {
        return std::optional<Retracted>();
    }
    const auto before = record->state;
    const auto reason = replaced_text(*evm);
    Retracted out{{}, RetractedStage::Unsigned};
    if (types::is_final(before)) {
        WAVS_TRY(out.stage, retract_results(sequence, reason, batch));
    }
    if (out.stage == RetractedStage::Posted || out.stage == RetractedStage::Ended) {
        // Nothing of it goes on that could store anything.
        const std::lock_guard lock(mutex_);
        retracted_.erase(sequence);
        if (before != types::EventState::Done || record->reason == reason) {
            return std::optional<Retracted>();
        }
    } else {
        record->state = types::EventState::Retracted;
    }
    record->reason = reason;
    record->updated_at = clock_.wall_now();
    put_event(batch, *record, before);
    out.event = std::move(*record);
    return std::optional(std::move(out));
}

async::Flow<base::Result<std::vector<Journal::Retracted>>> Journal::retract(
    types::Retraction retraction, std::vector<types::SourcePosition> positions) {
    const auto prefix = event_blocks_prefix(retraction.chain);
    WAVS_CO_TRY(
        const auto entries,
        store_.scan(Keyspace::EventBlocks,
                    {.prefix = prefix,
                     .from = event_blocks_key(retraction.chain, retraction.from_block, 0)}));
    std::vector<std::uint64_t> sequences;
    for (const auto& entry : entries) {
        types::Bytes32 hash;
        if (entry.value.size() == types::Bytes32::size()) {
            std::copy(entry.value.begin(), entry.value.end(), hash.array().begin());
        }
        if (!retraction.kept.contains(hash)) {
            sequences.push_back(
                storage::read_u64(entry.key, prefix.size() + sizeof(std::uint64_t)));
        }
    }
    {
        // Before the states are read: what a run stores from here on is void.
        const std::lock_guard lock(mutex_);
        for (const auto sequence : sequences) {
            retracted_[sequence].reset();
        }
    }
    storage::Batch batch;
    std::vector<Retracted> out;
    for (const auto sequence : sequences) {
        WAVS_CO_TRY(auto one, retract_one(sequence, batch));
        if (one) {
            out.push_back(std::move(*one));
        }
    }
    put_positions(batch, std::move(positions));
    WAVS_CO_TRY(co_await store_.committed(std::move(batch)));
    co_return std::move(out);
}

}  // namespace wavs::dispatcher
