// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/json_tree.hpp"
#include "wavs/types/trigger.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace wavs::types {

/// What a trigger saw: docs/protocol/01-values.md 5. All operators must hold the same values, for
/// the event id is a hash over them.

struct CosmosAttribute {
    std::string key;
    std::string value;
    friend bool operator==(const CosmosAttribute&, const CosmosAttribute&) = default;
};
struct CosmosEventData {
    CosmosAddress contract_address;
    ChainKey chain;
    std::string event_type;
    std::vector<CosmosAttribute> attributes;
    std::uint64_t block_height = 0;
    std::uint64_t event_index = 0;
    friend bool operator==(const CosmosEventData&, const CosmosEventData&) = default;
};
struct EvmEventData {
    ChainKey chain;
    EvmAddress contract_address;
    std::vector<Bytes32> topics;
    base::Bytes data;
    Bytes32 tx_hash;
    std::uint64_t block_number = 0;
    std::uint64_t log_index = 0;
    Bytes32 block_hash;
    /// Unix seconds, exactly as the chain delivered it: presence is part of the event id.
    std::optional<std::uint64_t> block_timestamp;
    std::uint64_t tx_index = 0;
    friend bool operator==(const EvmEventData&, const EvmEventData&) = default;
};
struct BlockIntervalData {
    ChainKey chain;
    std::uint64_t block_height = 0;
    friend bool operator==(const BlockIntervalData&, const BlockIntervalData&) = default;
};
struct CronData {
    /// The scheduled time, not the time of waking.
    Timestamp trigger_time;
    friend bool operator==(const CronData&, const CronData&) = default;
};
struct AtProtoData {
    std::int64_t sequence = 0;
    /// Microseconds since the Unix epoch.
    std::int64_t timestamp = 0;
    std::string repo;
    std::string collection;
    std::string rkey;
    AtProtoAction action = AtProtoAction::Create;
    std::optional<std::string> cid;
    std::optional<json::Tree> record;
    std::optional<std::string> rev;
    std::optional<std::uint32_t> op_index;
    friend bool operator==(const AtProtoData&, const AtProtoData&) = default;
};
struct HypercoreData {
    /// As written in the manifest.
    std::string feed_key;
    std::uint64_t index = 0;
    base::Bytes data;
    friend bool operator==(const HypercoreData&, const HypercoreData&) = default;
};
/// A manual trigger.
struct RawData {
    base::Bytes data;
    friend bool operator==(const RawData&, const RawData&) = default;
};

/// The order is the variant number of the binary form; never change it.
using TriggerData = std::variant<CosmosEventData, EvmEventData, BlockIntervalData, CronData,
                                 AtProtoData, HypercoreData, RawData>;

/// Label of metrics, as of `Trigger`; RawData is "manual".
std::string_view metric_name(const TriggerData& data);

struct TriggerConfig {
    ServiceId service_id;
    WorkflowId workflow_id;
    Trigger trigger;
    friend bool operator==(const TriggerConfig&, const TriggerConfig&) = default;
};
/// One event for one workflow.
struct TriggerAction {
    TriggerConfig config;
    TriggerData data;
    friend bool operator==(const TriggerAction&, const TriggerAction&) = default;
};

base::Result<TriggerData> read_trigger_data(const json::Value& value);
base::Result<TriggerAction> read_trigger_action(const json::Value& value);
void write_json(json::Writer& out, const TriggerData& data);
void write_json(json::Writer& out, const TriggerConfig& config);
void write_json(json::Writer& out, const TriggerAction& action);
std::string to_json(const TriggerData& data);
std::string to_json(const TriggerAction& action);

}  // namespace wavs::types
