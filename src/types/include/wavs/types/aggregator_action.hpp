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

/// What an aggregator component asks for: docs/protocol/01-values.md 10.
struct EvmSubmitAction {
    ChainKey chain;
    EvmAddress address;
    std::optional<unsigned __int128> gas_price;
    friend bool operator==(const EvmSubmitAction&, const EvmSubmitAction&) = default;
};
struct CosmosSubmitAction {
    ChainKey chain;
    CosmosAddress address;
    std::optional<unsigned __int128> gas_price;
    friend bool operator==(const CosmosSubmitAction&, const CosmosSubmitAction&) = default;
};
using SubmitAction = std::variant<EvmSubmitAction, CosmosSubmitAction>;

const ChainKey& chain_of(const SubmitAction& action);
std::string address_text(const SubmitAction& action);

struct TimerAction {
    std::uint64_t delay_secs = 0;
    friend bool operator==(const TimerAction&, const TimerAction&) = default;
};
using AggregatorAction = std::variant<SubmitAction, TimerAction>;

base::Result<SubmitAction> read_submit_action(const json::Value& value);
base::Result<AggregatorAction> parse_aggregator_action(std::string_view text);
base::Result<AggregatorAction> read_aggregator_action(const json::Value& value);
void write_json(json::Writer& out, const SubmitAction& action);
void write_json(json::Writer& out, const AggregatorAction& action);
std::string to_json(const SubmitAction& action);
std::string to_json(const AggregatorAction& action);

struct EvmTxHash {
    Bytes32 hash;
    friend bool operator==(const EvmTxHash&, const EvmTxHash&) = default;
};
struct CosmosTxHash {
    std::string text;
    friend bool operator==(const CosmosTxHash&, const CosmosTxHash&) = default;
};
using TxHash = std::variant<EvmTxHash, CosmosTxHash>;
std::string to_string(const TxHash& hash);
void write_json(json::Writer& out, const TxHash& hash);

}  // namespace wavs::types
