// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/chain_config.hpp"

#include "wavs/types/json_read.hpp"

#include <algorithm>
#include <array>

namespace wavs::types {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using json::Fields;
using json::Value;
using json::Writer;

constexpr std::array<std::string_view, 3> kTimestamps = {"as_delivered", "present", "absent"};

Result<BlockTimestamp> read_timestamp(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    for (std::size_t i = 0; i < kTimestamps.size(); ++i) {
        if (variant.tag == kTimestamps.at(i)) {
            return static_cast<BlockTimestamp>(i);
        }
    }
    return variant.unknown({"as_delivered", "present", "absent"});
}

Result<std::vector<std::string>> read_endpoints(const Value& value) {
    if (!value.is_array()) {
        return json::invalid_type(value, "a sequence");
    }
    std::vector<std::string> out;
    for (const Value item : value.items()) {
        WAVS_TRY(const auto text, json::read_string(item));
        out.emplace_back(text);
    }
    return out;
}

Result<std::string> required_text(const Fields& fields, std::string_view name) {
    WAVS_TRY(const auto value, fields.required(name));
    WAVS_TRY(const auto text, json::read_string(value));
    return std::string(text);
}

Result<std::uint32_t> read_confirmations(const Fields& fields) {
    const auto value = fields.optional("confirmations");
    return value.has_value() ? json::read_u32(*value) : Result<std::uint32_t>(0U);
}

/// A number, or its digits as text: few tools write integers above 2^63-1.
Result<Amount> read_amount(const Value& value) {
    if (!value.is_string()) {
        return json::read_u128(value);
    }
    WAVS_TRY(const auto text, json::read_string(value));
    const auto amount = parse_amount(text);
    return amount.has_value() ? Result<Amount>(*amount)
                              : json::invalid_type(value, "an amount in digits");
}

Result<std::optional<Amount>> read_optional_amount(const std::optional<Value>& value) {
    if (!value.has_value()) {
        return std::optional<Amount>();
    }
    WAVS_TRY(const auto amount, read_amount(*value));
    return std::optional<Amount>(amount);
}

Result<void> read_money(const Fields& fields, EvmChainConfig& evm) {
    WAVS_TRY(evm.daily_budget_wei, read_optional_amount(fields.optional("daily_budget_wei")));
    WAVS_TRY(evm.low_balance_wei, read_optional_amount(fields.optional("low_balance_wei")));
    if (const auto budgets = fields.optional("service_budgets_wei")) {
        if (!budgets->is_object()) {
            return json::invalid_type(*budgets, "a map");
        }
        for (const auto& [name, value] : budgets->members()) {
            WAVS_TRY(const auto service, parse_service_id(name.text()));
            WAVS_TRY(evm.service_budgets_wei[service], read_amount(value));
        }
    }
    if (const auto handlers = fields.optional("allowed_handlers")) {
        WAVS_TRY(const auto texts, read_endpoints(*handlers));
        for (const auto& text : texts) {
            WAVS_TRY(evm.allowed_handlers.emplace_back(), parse_evm_address(text));
        }
    }
    return base::ok();
}

Result<NamedChainConfig> read_evm(const Value& value) {
    WAVS_TRY(const auto fields,
             Fields::of(value, {"chain_id", "ws_endpoints", "http_endpoint", "faucet_endpoint",
                                "ws_priority_endpoint_index", "http_endpoints", "confirmations",
                                "block_timestamp", "guest_endpoint", "max_gas_per_tx",
                                "max_fee_per_gas", "daily_budget_wei", "service_budgets_wei",
                                "low_balance_wei", "allowed_handlers"}));
    NamedChainConfig out;
    WAVS_TRY(out.chain_id, required_text(fields, "chain_id"));
    EvmChainConfig evm;
    WAVS_TRY(const auto ws, fields.required("ws_endpoints"));
    WAVS_TRY(evm.ws_endpoints, read_endpoints(ws));
    WAVS_TRY(evm.http_endpoint, json::read_optional_string(fields.optional("http_endpoint")));
    WAVS_TRY(evm.faucet_endpoint, json::read_optional_string(fields.optional("faucet_endpoint")));
    WAVS_TRY(evm.ws_priority_endpoint_index,
             json::read_optional_u64(fields.optional("ws_priority_endpoint_index")));
    if (const auto more = fields.optional("http_endpoints")) {
        WAVS_TRY(evm.http_endpoints, read_endpoints(*more));
    }
    WAVS_TRY(evm.confirmations, read_confirmations(fields));
    if (const auto timestamp = fields.optional("block_timestamp")) {
        WAVS_TRY(evm.block_timestamp, read_timestamp(*timestamp));
    }
    WAVS_TRY(evm.guest_endpoint, json::read_optional_string(fields.optional("guest_endpoint")));
    WAVS_TRY(evm.max_gas_per_tx, json::read_optional_u64(fields.optional("max_gas_per_tx")));
    WAVS_TRY(evm.max_fee_per_gas, json::read_optional_u64(fields.optional("max_fee_per_gas")));
    WAVS_TRY(read_money(fields, evm));
    out.config = std::move(evm);
    return out;
}

Result<NamedChainConfig> read_cosmos(const Value& value) {
    WAVS_TRY(const auto fields,
             Fields::of(value,
                        {"chain_id", "bech32_prefix", "rpc_endpoint", "grpc_endpoint", "gas_price",
                         "gas_denom", "faucet_endpoint", "confirmations", "guest_endpoint"}));
    NamedChainConfig out;
    WAVS_TRY(out.chain_id, required_text(fields, "chain_id"));
    CosmosChainConfig cosmos;
    WAVS_TRY(cosmos.bech32_prefix, required_text(fields, "bech32_prefix"));
    WAVS_TRY(cosmos.rpc_endpoint, json::read_optional_string(fields.optional("rpc_endpoint")));
    WAVS_TRY(cosmos.grpc_endpoint, json::read_optional_string(fields.optional("grpc_endpoint")));
    WAVS_TRY(const auto gas_price, fields.required("gas_price"));
    WAVS_TRY(cosmos.gas_price, json::read_f32(gas_price));
    WAVS_TRY(cosmos.gas_denom, required_text(fields, "gas_denom"));
    WAVS_TRY(cosmos.faucet_endpoint,
             json::read_optional_string(fields.optional("faucet_endpoint")));
    WAVS_TRY(cosmos.confirmations, read_confirmations(fields));
    WAVS_TRY(cosmos.guest_endpoint, json::read_optional_string(fields.optional("guest_endpoint")));
    out.config = std::move(cosmos);
    return out;
}

Result<NamedChainConfig> read_config(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"type"}));
    WAVS_TRY(const auto type, fields.required("type"));
    WAVS_TRY(const auto variant, json::read_variant(type));
    if (variant.tag != "evm" && variant.tag != "cosmos") {
        return variant.unknown({"cosmos", "evm"});
    }
    return variant.tag == "evm" ? read_evm(value) : read_cosmos(value);
}

/// Writes the members of a chain without its type and id.
struct ConfigWriter {
    Writer& out;
    Endpoints endpoints;

    std::string shown(const std::string& url) const {
        return endpoints == Endpoints::Full ? url : redact_url(url);
    }
    void url(std::string_view name, const std::optional<std::string>& value) const {
        out.key(name);
        value.has_value() ? out.string(shown(*value)) : out.null();
    }
    void extra_number(std::string_view name, std::optional<std::uint64_t> value) const {
        if (value.has_value()) {
            out.key(name);
            out.number(*value);
        }
    }
    void extra(std::uint32_t confirmations, const std::optional<std::string>& guest) const {
        extra_number("confirmations", confirmations != 0
                                          ? std::optional<std::uint64_t>(confirmations)
                                          : std::nullopt);
        if (guest.has_value()) {
            url("guest_endpoint", guest);
        }
    }
    void amount(std::string_view name, std::optional<Amount> value) const {
        if (value.has_value()) {
            out.key(name);
            out.string(fmt::format("{}", *value));
        }
    }
    void money(const EvmChainConfig& c) const {
        amount("daily_budget_wei", c.daily_budget_wei);
        if (!c.service_budgets_wei.empty()) {
            out.key("service_budgets_wei");
            out.begin_object();
            for (const auto& [service, budget] : c.service_budgets_wei) {
                amount(to_string(service), budget);
            }
            out.end_object();
        }
        amount("low_balance_wei", c.low_balance_wei);
        if (!c.allowed_handlers.empty()) {
            out.key("allowed_handlers");
            out.begin_array();
            for (const auto& handler : c.allowed_handlers) {
                out.string(to_checksum_string(handler));
            }
            out.end_array();
        }
    }
    void urls(std::string_view name, const std::vector<std::string>& values) const {
        out.key(name);
        out.begin_array();
        for (const std::string& endpoint : values) {
            out.string(shown(endpoint));
        }
        out.end_array();
    }
    void operator()(const EvmChainConfig& c) const {
        urls("ws_endpoints", c.ws_endpoints);
        url("http_endpoint", c.http_endpoint);
        url("faucet_endpoint", c.faucet_endpoint);
        out.key("ws_priority_endpoint_index");
        c.ws_priority_endpoint_index.has_value() ? out.number(*c.ws_priority_endpoint_index)
                                                 : out.null();
        if (!c.http_endpoints.empty()) {
            urls("http_endpoints", c.http_endpoints);
        }
        extra(c.confirmations, c.guest_endpoint);
        if (c.block_timestamp != BlockTimestamp::AsDelivered) {
            out.key("block_timestamp");
            out.string(kTimestamps.at(static_cast<std::size_t>(c.block_timestamp)));
        }
        extra_number("max_gas_per_tx", c.max_gas_per_tx);
        extra_number("max_fee_per_gas", c.max_fee_per_gas);
        money(c);
    }
    void operator()(const CosmosChainConfig& c) const {
        out.key("bech32_prefix");
        out.string(c.bech32_prefix);
        url("rpc_endpoint", c.rpc_endpoint);
        url("grpc_endpoint", c.grpc_endpoint);
        out.key("gas_price");
        out.number(c.gas_price);
        out.key("gas_denom");
        out.string(c.gas_denom);
        url("faucet_endpoint", c.faucet_endpoint);
        extra(c.confirmations, c.guest_endpoint);
    }
};

void write_tagged(Writer& out, const NamedChainConfig& chain, Endpoints endpoints) {
    out.begin_object();
    out.key("type");
    out.string(chain.evm() != nullptr ? "evm" : "cosmos");
    out.key("chain_id");
    out.string(chain.chain_id);
    std::visit(ConfigWriter{out, endpoints}, chain.config);
    out.end_object();
}

}  // namespace

std::optional<Amount> parse_amount(std::string_view digits) {
    // The largest number has 39 digits; nobody owns a tenth of it.
    if (digits.empty() || digits.size() > 38 ||
        digits.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    Amount out = 0;
    for (const char digit : digits) {
        out = out * 10 + static_cast<unsigned>(digit - '0');
    }
    return out;
}

Result<AddChainRequest> parse_add_chain_request(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields, Fields::of(document.root(), {"chain", "config"}));
    AddChainRequest out;
    WAVS_TRY(const auto chain, fields.required("chain"));
    WAVS_TRY(out.chain, json::read_chain_key(chain));
    WAVS_TRY(const auto config, fields.required("config"));
    WAVS_TRY(out.config, read_config(config));
    return out;
}

std::string to_json(const AddChainRequest& request) {
    std::string text;
    Writer out(text);
    out.begin_object();
    out.key("chain");
    out.string(request.chain.str());
    out.key("config");
    write_tagged(out, request.config, Endpoints::Full);
    out.end_object();
    return text;
}

std::string redact_url(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) {
        return "<redacted>";
    }
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
    const std::string_view authority = url.substr(begin, end - begin);
    const std::size_t at = authority.rfind('@');
    const std::size_t host = at == std::string_view::npos ? 0 : at + 1;
    return std::string(url.substr(0, begin)) + std::string(authority.substr(host));
}

Result<void> ChainConfigs::add(const ChainKey& chain, NamedChainConfig config) {
    if (chains_.contains(chain)) {
        return Error(ErrorKind::Conflict, "chain_exists",
                     fmt::format("Chain already exists: {}", chain.str()));
    }
    const std::string_view ns = chain.ns();
    if (ns != "evm" && ns != "cosmos" && ns != "dev") {
        return Error(ErrorKind::Invalid, "chain_namespace",
                     fmt::format("Namespace must be one of cosmos, evm, or dev, got {}", ns));
    }
    const std::string_view kind = config.evm() != nullptr ? "evm" : "cosmos";
    if (ns != "dev" && ns != kind) {
        // The word "cosmos" stands here for both kinds: clients know this sentence.
        return Error(ErrorKind::Invalid, "chain_namespace",
                     fmt::format("Namespace for cosmos chain must be {} or dev, got {}", ns, ns));
    }
    if (ns != "dev" && chain.id() != config.chain_id) {
        return Error(
            ErrorKind::Invalid, "chain_id_mismatch",
            fmt::format("Chain ID mismatch: expected {}, got {}", chain.id(), config.chain_id));
    }
    chains_.emplace(chain, std::move(config));
    return base::ok();
}

const NamedChainConfig* ChainConfigs::find(const ChainKey& chain) const {
    const auto found = chains_.find(chain);
    return found == chains_.end() ? nullptr : &found->second;
}

void write_json(Writer& out, const ChainConfigs& chains, Endpoints endpoints) {
    out.begin_object();
    for (const std::string_view ns : {"cosmos", "evm", "dev"}) {
        out.key(ns);
        out.begin_object();
        for (const auto& [key, chain] : chains.all()) {
            if (key.ns() != ns) {
                continue;
            }
            out.key(key.id());
            if (ns == "dev") {
                write_tagged(out, chain, endpoints);
            } else {
                out.begin_object();
                std::visit(ConfigWriter{out, endpoints}, chain.config);
                out.end_object();
            }
        }
        out.end_object();
    }
    out.end_object();
}

}  // namespace wavs::types
