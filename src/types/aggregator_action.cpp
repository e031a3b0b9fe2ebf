// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/aggregator_action.hpp"

#include "wavs/types/json_read.hpp"

#include <algorithm>

namespace wavs::types {
namespace {

using base::Result;
using json::Fields;
using json::Value;
using json::Writer;

/// Here, unlike in manifests, only a string is allowed, and blanks around it are.
Result<EvmAddress> read_trimmed_address(const Value& value) {
    constexpr std::string_view kBlanks = " \t\r\n\f\v";
    WAVS_TRY(auto text, json::read_string(value));
    const std::size_t first = text.find_first_not_of(kBlanks);
    text.remove_prefix(std::min(first, text.size()));
    text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    auto address = parse_evm_address(text);
    if (!address.has_value()) {
        return value.shape_error(address.error().message());
    }
    return address;
}

template <typename Action, typename Address>
Result<SubmitAction> read_action(const Value& value, Result<Address> (*read)(const Value&)) {
    WAVS_TRY(const auto fields, Fields::of(value, {"chain", "address", "gas_price"}));
    Action out;
    WAVS_TRY(const auto chain, fields.required("chain"));
    WAVS_TRY(out.chain, json::read_chain_key(chain));
    WAVS_TRY(const auto address, fields.required("address"));
    WAVS_TRY(out.address, read(address));
    if (const auto gas_price = fields.optional("gas_price")) {
        WAVS_TRY(out.gas_price, json::read_u128(*gas_price));
    }
    return SubmitAction(std::move(out));
}

Result<AggregatorAction> read_timer(const Value& value) {
    WAVS_TRY(const auto timer, Fields::of(value, {"delay"}));
    WAVS_TRY(const auto delay_value, timer.required("delay"));
    WAVS_TRY(const auto delay, Fields::of(delay_value, {"secs"}));
    WAVS_TRY(const auto secs, delay.required("secs"));
    TimerAction out;
    WAVS_TRY(out.delay_secs, json::read_u64(secs));
    return AggregatorAction(out);
}

template <typename T>
std::string text_of(const T& value) {
    std::string out;
    Writer writer(out);
    write_json(writer, value);
    return out;
}

}  // namespace

const ChainKey& chain_of(const SubmitAction& action) {
    return std::visit([](const auto& a) -> const ChainKey& { return a.chain; }, action);
}

std::string address_text(const SubmitAction& action) {
    return std::visit([](const auto& a) { return std::string(to_string(a.address)); }, action);
}

Result<SubmitAction> read_submit_action(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    if (variant.tag != "Evm" && variant.tag != "Cosmos") {
        return variant.unknown({"Evm", "Cosmos"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    return variant.tag == "Evm"
               ? read_action<EvmSubmitAction>(content, &read_trimmed_address)
               : read_action<CosmosSubmitAction>(content, &json::read_cosmos_address);
}

Result<AggregatorAction> read_aggregator_action(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    if (variant.tag != "Submit" && variant.tag != "Timer") {
        return variant.unknown({"Submit", "Timer"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    if (variant.tag == "Timer") {
        return read_timer(content);
    }
    WAVS_TRY(auto action, read_submit_action(content));
    return AggregatorAction(std::move(action));
}

Result<AggregatorAction> parse_aggregator_action(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    return read_aggregator_action(document.root());
}

void write_json(Writer& out, const SubmitAction& action) {
    out.begin_object();
    out.key(std::holds_alternative<EvmSubmitAction>(action) ? "Evm" : "Cosmos");
    out.begin_object();
    out.key("chain");
    out.string(chain_of(action).str());
    out.key("address");
    out.string(address_text(action));
    out.key("gas_price");
    const auto gas_price = std::visit([](const auto& a) { return a.gas_price; }, action);
    gas_price.has_value() ? out.number(*gas_price) : out.null();
    out.end_object();
    out.end_object();
}

void write_json(Writer& out, const AggregatorAction& action) {
    out.begin_object();
    if (const auto* submit = std::get_if<SubmitAction>(&action)) {
        out.key("Submit");
        write_json(out, *submit);
    } else {
        out.key("Timer");
        out.begin_object();
        out.key("delay");
        out.begin_object();
        out.key("secs");
        out.number(std::get<TimerAction>(action).delay_secs);
        out.end_object();
        out.end_object();
    }
    out.end_object();
}

std::string to_json(const SubmitAction& action) { return text_of(action); }
std::string to_json(const AggregatorAction& action) { return text_of(action); }

std::string to_string(const TxHash& hash) {
    const auto* evm = std::get_if<EvmTxHash>(&hash);
    return evm != nullptr ? to_string(evm->hash) : std::get<CosmosTxHash>(hash).text;
}

void write_json(Writer& out, const TxHash& hash) {
    out.begin_object();
    out.key(std::holds_alternative<EvmTxHash>(hash) ? "evm" : "cosmos");
    out.string(to_string(hash));
    out.end_object();
}

}  // namespace wavs::types
