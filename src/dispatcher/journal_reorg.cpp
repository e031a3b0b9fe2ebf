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

void put_event(storage::Batch& batch, const types::EventRecord& event, types::EventState before) {
    batch.put(Keyspace::Events, types::event_key(event.sequence), types::encode(event));
    const auto from = types::work_of(before);
    const auto to = types::work_of(event.state);
    if (from && from != to) {
        batch.erase(Keyspace::Work, types::work_key(*from, event.sequence));
    }
    if (to && from != to) {
        batch.put(Keyspace::Work, types::work_key(*to, event.sequence),
                  event.action.config.service_id.view());
    }
}

void put_result(storage::Batch& batch, const types::ResultRecord& result) {
    batch.put(Keyspace::Results, types::result_key(result.event_sequence, result.response_index),
              types::encode(result));
    const auto key = types::work_key(result.event_sequence, result.response_index);
    if (types::is_open(result.state)) {
        batch.put(Keyspace::Work, key, result.submission.trigger_action.config.service_id.view());
    } else {
        batch.erase(Keyspace::Work, key);
    }
}

void erase_event(storage::Batch& batch, const types::EventRecord& event) {
    const auto sequence = event.sequence;
    batch.erase(Keyspace::Events, types::event_key(sequence));
    batch.erase(Keyspace::EventIds,
                storage::KeyWriter().bytes(event.default_event_id.view()).u64(sequence).get());
    if (const auto* evm = std::get_if<types::EvmEventData>(&event.action.data)) {
        batch.erase(Keyspace::EventBlocks,
                    event_blocks_key(evm->chain, evm->block_number, sequence));
    }
    if (const auto kind = types::work_of(event.state)) {
        batch.erase(Keyspace::Work, types::work_key(*kind, sequence));
    }
}

base::Bytes event_blocks_prefix(const types::ChainKey& chain) {
    const auto name = chain.str();
    return storage::KeyWriter().u8(static_cast<std::uint8_t>(name.size())).text(name).get();
}

base::Bytes event_blocks_key(const types::ChainKey& chain, std::uint64_t block,
                             std::uint64_t sequence) {
    return storage::KeyWriter().bytes(event_blocks_prefix(chain)).u64(block).u64(sequence).get();
}

void index_block(storage::Batch& batch, const types::EventRecord& event) {
    if (const auto* evm = std::get_if<types::EvmEventData>(&event.action.data)) {
        batch.put(Keyspace::EventBlocks,
                  event_blocks_key(evm->chain, evm->block_number, event.sequence),
                  evm->block_hash.view());
    }
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
    for (const auto& position : positions) {
        batch.put(Keyspace::Coverage, position.key, position.value);
    }
    WAVS_CO_TRY(co_await store_.committed(std::move(batch)));
    co_return std::move(out);
}

}  // namespace wavs::dispatcher
