// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/json_fwd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace wavs::types {

/// What starts a workflow: docs/protocol/01-values.md 3.2. Texts stay as the manifest has them:
/// they travel in the submission, and peers compare them.

struct CosmosEventTrigger {
    CosmosAddress address;
    ChainKey chain;
    std::string event_type;
    friend bool operator==(const CosmosEventTrigger&, const CosmosEventTrigger&) = default;
};
struct EvmEventTrigger {
    EvmAddress address;
    ChainKey chain;
    /// Topic 0.
    Bytes32 event_hash;
    friend bool operator==(const EvmEventTrigger&, const EvmEventTrigger&) = default;
};
struct BlockIntervalTrigger {
    ChainKey chain;
    /// Never 0, nor are the two bounds.
    std::uint32_t n_blocks = 1;
    std::optional<std::uint64_t> start_block;
    std::optional<std::uint64_t> end_block;
    friend bool operator==(const BlockIntervalTrigger&, const BlockIntervalTrigger&) = default;
};
struct CronTrigger {
    /// Not necessarily valid; see `CronSchedule::parse`.
    std::string schedule;
    std::optional<Timestamp> start_time;
    std::optional<Timestamp> end_time;
    friend bool operator==(const CronTrigger&, const CronTrigger&) = default;
};
enum class AtProtoAction : std::uint8_t { Create = 0, Update = 1, Delete = 2 };
std::string_view to_string(AtProtoAction action);

struct AtProtoTrigger {
    std::string collection;
    std::optional<std::string> repo_did;
    std::optional<AtProtoAction> action;
    friend bool operator==(const AtProtoTrigger&, const AtProtoTrigger&) = default;
};
struct HypercoreTrigger {
    /// As written; see `decode_feed_key`.
    std::string feed_key;
    friend bool operator==(const HypercoreTrigger&, const HypercoreTrigger&) = default;
};
struct ManualTrigger {
    friend bool operator==(const ManualTrigger&, const ManualTrigger&) = default;
};

using Trigger = std::variant<ManualTrigger, CosmosEventTrigger, EvmEventTrigger,
                             BlockIntervalTrigger, CronTrigger, AtProtoTrigger, HypercoreTrigger>;

/// Label of metrics: "cosmos_contract_event", "evm_contract_event", "block_interval", "cron",
/// "atproto_event", "hypercore_append", "manual".
std::string_view metric_name(const Trigger& trigger);

/// The chain it watches; null for triggers without one.
const ChainKey* chain_of(const Trigger& trigger);

/// The 32 bytes of a feed key: 64 hex digits, "0x" optional, blanks around it ignored.
base::Result<Bytes32> decode_feed_key(std::string_view text);

base::Result<Trigger> read_trigger(const json::Value& value);
void write_json(json::Writer& out, const Trigger& trigger);
base::Result<AtProtoAction> read_at_proto_action(const json::Value& value);

}  // namespace wavs::types
