// SPDX-License-Identifier: Apache-2.0
// The tables of all keys, apart from the node's own ones in node_fields.cpp.
#include "checks.hpp"
#include "field.hpp"

#include <algorithm>

namespace wavs::config {
namespace {

/// The rows that both kinds of peer-to-peer network have.
template <typename Target>
Fields<Target> p2p_common() {
    return {
        field<Target>("listen_port", path(&P2pCommon::listen_port),
                      "TCP port for peers; 0 = any free one", {.required = true}),
        field<Target>("max_retry_duration_secs", path(&P2pCommon::max_retry_duration_secs),
                      "how long a failed publish is tried again"),
        field<Target>("retry_interval_ms", path(&P2pCommon::retry_interval_ms),
                      "pause between these tries", {}, check_not_zero),
        field<Target>("submission_ttl_secs", path(&P2pCommon::submission_ttl_secs),
                      "how long submissions are kept for peers that ask"),
        field<Target>("max_catchup_submissions", path(&P2pCommon::max_catchup_submissions),
                      "most submissions in one answer"),
        field<Target>("cleanup_interval_secs", path(&P2pCommon::cleanup_interval_secs),
                      "pause between clean-ups", {}, check_not_zero),
        field<Target>("max_pending_publishes", path(&P2pCommon::max_pending_publishes),
                      "publishes waiting for a peer"),
        field<Target>("max_stored_submissions_per_service",
                      path(&P2pCommon::max_stored_submissions_per_service),
                      "submissions kept per service"),
        field<Target>("catchup_request_timeout_secs",
                      path(&P2pCommon::catchup_request_timeout_secs),
                      "limit of one catch-up request", {}, check_not_zero),
        field<Target>("max_concurrent_catchup_requests_per_service",
                      path(&P2pCommon::max_concurrent_catchup_requests_per_service),
                      "catch-up requests in flight per service"),
        field<Target>("external_addresses", path(&P2pCommon::external_addresses),
                      "addresses to announce, as multiaddr"),
    };
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, change});
        }
    }
    return row.back();
}

}  // namespace

const Fields<types::EvmChainConfig>& evm_chain_fields() {
    using C = types::EvmChainConfig;
    static const Fields<C> rows = {
        field<C>("ws_endpoints", path(&C::ws_endpoints),
                 "WebSocket endpoints for events; may be `[]`", {.required = true}, check_ws_urls),
        field<C>("http_endpoint", path(&C::http_endpoint),
                 "HTTP endpoint for queries and transactions", {}, check_optional_http_url),
        field<C>("http_endpoints", path(&C::http_endpoints),
                 "further HTTP endpoints, used in this order while those before do badly", {},
                 check_http_urls),
        field<C>("faucet_endpoint", path(&C::faucet_endpoint), "faucet of a test chain", {},
                 check_optional_http_url),
        field<C>("ws_priority_endpoint_index", path(&C::ws_priority_endpoint_index),
                 "which of `ws_endpoints` to prefer, from 0"),
        field<C>("confirmations", path(&C::confirmations), "blocks to wait before an event counts"),
        field<C>("block_timestamp", path(&C::block_timestamp),
                 "whether events carry the time of their block; all operators of a service must "
                 "agree"),
        field<C>("max_fee_per_gas", path(&C::max_fee_per_gas),
                 "most to pay per unit of gas, in wei; a dearer transaction is not sent"),
        field<C>("max_gas_per_tx", path(&C::max_gas_per_tx), "most gas for one transaction"),
        field<C>("daily_budget_wei", path(&C::daily_budget_wei),
                 "most that each service may spend on transactions of this chain from midnight to "
                 "midnight UTC; beyond it its results wait"),
        field<C>("service_budgets_wei", path(&C::service_budgets_wei),
                 "the same of single services, instead of `daily_budget_wei`"),
        field<C>("low_balance_wei", path(&C::low_balance_wei),
                 "warn when the sender has less; none = less than 20 of its dearest recent "
                 "transactions may cost"),
        field<C>("allowed_handlers", path(&C::allowed_handlers),
                 "contracts to post to although the service manager they name is not the "
                 "manifest's on this chain"),
        field<C>("guest_endpoint", path(&C::guest_endpoint),
                 "endpoint shown to components instead of those above", {},
                 check_optional_http_url),
    };
    return rows;
}

const Fields<types::CosmosChainConfig>& cosmos_chain_fields() {
    using C = types::CosmosChainConfig;
    static const Fields<C> rows = {
        field<C>("bech32_prefix", path(&C::bech32_prefix), "address prefix", {.required = true}),
        field<C>("rpc_endpoint", path(&C::rpc_endpoint), "CometBFT RPC endpoint", {},
                 check_optional_http_url),
        field<C>("grpc_endpoint", path(&C::grpc_endpoint), "gRPC endpoint", {},
                 check_optional_http_url),
        field<C>("gas_price", path(&C::gas_price), "price of a unit of gas, in whole `gas_denom`",
                 {.required = true}),
        field<C>("gas_denom", path(&C::gas_denom), "denomination of fees", {.required = true}),
        field<C>("faucet_endpoint", path(&C::faucet_endpoint), "faucet of a test chain", {},
                 check_optional_http_url),
        field<C>("confirmations", path(&C::confirmations), "blocks to wait before an event counts",
                 {.effect = Effect::Later}),
        field<C>("guest_endpoint", path(&C::guest_endpoint),
                 "endpoint shown to components instead of those above", {.effect = Effect::Later},
                 check_optional_http_url),
    };
    return rows;
}

const Fields<P2pLocal>& p2p_local_fields() {
    static const Fields<P2pLocal> rows = p2p_common<P2pLocal>();
    return rows;
}

const Fields<P2pRemote>& p2p_remote_fields() {
    static const Fields<P2pRemote> rows = [] {
        auto fields = p2p_common<P2pRemote>();
        fields.push_back(field<P2pRemote>("bootstrap_nodes", path(&P2pRemote::bootstrap_nodes),
                                          "multiaddrs to start from; `[]` = be the first node",
                                          {.required = true}));
        fields.push_back(field<P2pRemote>("kademlia_discovery_interval_secs",
                                          path(&P2pRemote::kademlia_discovery_interval_secs),
                                          "pause between searches for peers", {}, check_not_zero));
        return fields;
    }();
    return rows;
}

const Fields<CliConfig>& cli_fields() {
    using C = CliConfig;
    static const Fields<C> rows = {
        field<C>("wavs_endpoint", path(&C::wavs_endpoint), "HTTP interface of the node", {},
                 check_http_url),
        field<C>("bearer_token", path(&C::bearer_token), "token for commands that change the node"),
        field<C>("log_level", path(&C::log_level), "log directives", {}, check_log_directives),
        field<C>("data", path(&C::data), "where `deployments.json` lives; `~` is expanded"),
        field<C>("evm_credential", path(&C::evm_credential),
                 "sender of EVM transactions: mnemonic or `0x` and a private key"),
        field<C>("cosmos_mnemonic", path(&C::cosmos_mnemonic), "sender of Cosmos transactions"),
        field<C>("save_deployment", path(&C::save_deployment), "write `deployments.json`"),
        field<C>("quiet_results", path(&C::quiet_results), "leave out results for people"),
        field<C>("json", path(&C::json), "results as JSON"),
        field<C>("ipfs_gateway", path(&C::ipfs_gateway), "where `ipfs://` is fetched", {},
                 check_gateway),
    };
    return rows;
}

const std::vector<Obsolete>& obsolete_node_keys() {
    static const std::vector<Obsolete> rows = {
        {"submission_poll_interval_ms", "submissions are not polled", true},
        {"disable_trigger_networking", "a switch of test builds; use WAVS_FAULT", true},
        {"disable_submission_networking", "a switch of test builds; use WAVS_FAULT", true},
        {"registry_domain", "the domain stands in the manifest", false},
    };
    return rows;
}

const std::vector<Obsolete>& obsolete_chain_keys() {
    static const std::vector<Obsolete> rows = {
        {"poll_interval_ms", "endpoints push their events", false},
        {"event_channel_size", "queues have sizes of their own", false},
        {"chain_id", "the name of the table is the chain id", false},
    };
    return rows;
}

const Value* find(const Table& table, std::string_view name) {
    const auto dot = name.find('.');
    const auto found = table.find(std::string(name.substr(0, dot)));
    if (found == table.end()) {
        return nullptr;
    }
    if (dot == std::string_view::npos) {
        return &found->second;
    }
    const Table* const inner = found->second.table();
    return inner == nullptr ? nullptr : find(*inner, name.substr(dot + 1));
}

bool asks_for_nothing(std::string_view shown) {
    return shown == "false" || shown == "0" || shown == "\"0s\"" || shown == "[]" ||
           shown == "none";
}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known) {
    constexpr std::size_t kLongestName = 64;
    std::string_view best;
    std::size_t distance = 3;
    for (const auto candidate : known) {
        const auto d = name.size() > kLongestName ? distance : edit_distance(name, candidate);
        if (d < distance && d <= candidate.size() / 2) {
            best = candidate;
            distance = d;
        }
    }
    return best;
}

}  // namespace wavs::config
