// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/json_fwd.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wavs::types {

/// Whether an event carries the time of its block, which is part of the event id.
enum class BlockTimestamp : std::uint8_t { AsDelivered, Present, Absent };

/// Of the smallest unit of a chain's coin.
using Amount = unsigned __int128;
/// Decimal digits only, at most 38.
std::optional<Amount> parse_amount(std::string_view digits);

struct EvmChainConfig {
    std::vector<std::string> ws_endpoints;
    std::optional<std::string> http_endpoint;
    std::optional<std::string> faucet_endpoint;
    std::optional<std::uint64_t> ws_priority_endpoint_index;
    // What existing nodes do not have; written only when it differs from the default.
    /// Further endpoints for calls, tried after `http_endpoint` in this order.
    std::vector<std::string> http_endpoints;
    std::uint32_t confirmations = 0;
    BlockTimestamp block_timestamp = BlockTimestamp::AsDelivered;
    /// What components see instead of the endpoints above, which may carry keys.
    std::optional<std::string> guest_endpoint;
    std::optional<std::uint64_t> max_gas_per_tx;
    /// Wei.
    std::optional<std::uint64_t> max_fee_per_gas;
    /// Wei that each service may spend in a day; then those of single services.
    std::optional<Amount> daily_budget_wei;
    std::map<ServiceId, Amount> service_budgets_wei;
    /// Below it the account counts as nearly empty; none = by what its transactions cost.
    std::optional<Amount> low_balance_wei;
    /// Handlers that are posted to although they do not name the manifest's manager.
    std::vector<EvmAddress> allowed_handlers;
    friend bool operator==(const EvmChainConfig&, const EvmChainConfig&) = default;

    /// All for calls over HTTP, the first one first.
    std::vector<std::string> all_http_endpoints() const {
        auto out = http_endpoints;
        if (http_endpoint) {
            out.insert(out.begin(), *http_endpoint);
        }
        return out;
    }
};

struct CosmosChainConfig {
    std::string bech32_prefix;
    std::optional<std::string> rpc_endpoint;
    std::optional<std::string> grpc_endpoint;
    /// Whole units of `gas_denom`.
    float gas_price = 0;
    std::string gas_denom;
    std::optional<std::string> faucet_endpoint;
    std::uint32_t confirmations = 0;
    std::optional<std::string> guest_endpoint;
    friend bool operator==(const CosmosChainConfig&, const CosmosChainConfig&) = default;
};

using ChainConfig = std::variant<EvmChainConfig, CosmosChainConfig>;

/// A chain with the id it calls itself, which for a "dev:" key may differ from the key's.
struct NamedChainConfig {
    std::string chain_id;
    ChainConfig config;
    friend bool operator==(const NamedChainConfig&, const NamedChainConfig&) = default;

    const EvmChainConfig* evm() const { return std::get_if<EvmChainConfig>(&config); }
    const CosmosChainConfig* cosmos() const { return std::get_if<CosmosChainConfig>(&config); }
};

/// Body of `POST /dev/chains`.
struct AddChainRequest {
    ChainKey chain;
    NamedChainConfig config;
    friend bool operator==(const AddChainRequest&, const AddChainRequest&) = default;
};
base::Result<AddChainRequest> parse_add_chain_request(std::string_view text);
std::string to_json(const AddChainRequest& request);

/// Whether endpoints are written in full or as scheme, host and port only.
enum class Endpoints { Full, Redacted };
/// "wss://host:1/v3/key?x" -> "wss://host:1".
std::string redact_url(std::string_view url);

/// The chains a node knows: docs/protocol/01-values.md 11.
class ChainConfigs {
public:
    /// Errors: `chain_exists` (Conflict), `chain_namespace`, `chain_id_mismatch`.
    base::Result<void> add(const ChainKey& chain, NamedChainConfig config);
    /// Null when unknown.
    const NamedChainConfig* find(const ChainKey& chain) const;
    const std::map<ChainKey, NamedChainConfig>& all() const { return chains_; }
    friend bool operator==(const ChainConfigs&, const ChainConfigs&) = default;

private:
    std::map<ChainKey, NamedChainConfig> chains_;
};

/// Member `chains` of `GET /config`.
void write_json(json::Writer& out, const ChainConfigs& chains, Endpoints endpoints);

}  // namespace wavs::types
