// SPDX-License-Identifier: Apache-2.0
#include "journal_records.hpp"

#include "wavs/storage/keys.hpp"

#include <set>
#include <utility>

namespace wavs::dispatcher {
namespace {

using storage::Keyspace;

}  // namespace

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

void put_positions(storage::Batch& batch, std::vector<types::SourcePosition> positions) {
    std::set<base::Bytes> put;
    for (auto position = positions.rbegin(); position != positions.rend(); ++position) {
        if (!put.insert(position->key).second) {
            continue;
        }
        if (position->value.empty()) {
            batch.erase(Keyspace::Coverage, std::move(position->key));
        } else {
            batch.put(Keyspace::Coverage, std::move(position->key), std::move(position->value));
        }
    }
}

}  // namespace wavs::dispatcher
