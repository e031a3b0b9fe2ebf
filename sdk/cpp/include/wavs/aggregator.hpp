// SPDX-License-Identifier: Apache-2.0
#pragma once

// An aggregator component: implement the three functions and include this header in one source
// file.

#include <variant>

#include "wavs/base.hpp"
#include "wavs/host.hpp"

namespace wavs {

struct Timer {
    std::uint64_t delay_secs;
};

struct U128 {
    std::uint64_t low;
    std::uint64_t high;
};

struct EvmSubmit {
    std::string chain;
    /// 20 bytes
    Bytes address;
    std::optional<U128> gas_price;
};

struct CosmosSubmit {
    std::string chain;
    std::string bech32_address;
    std::uint32_t prefix_length;
    std::optional<U128> gas_price;
};

using Action = std::variant<Timer, EvmSubmit, CosmosSubmit>;
using AggregatorInput = wavs_aggregator_input_t;

/// The transaction's hash (EVM 32 bytes, Cosmos hex text), or why it failed.
using TxResult = Result<std::variant<Bytes, std::string>>;

Result<std::vector<Action>> on_input(const AggregatorInput& input);
Result<std::vector<Action>> on_timer(const AggregatorInput& input);
Result<void> on_submitted(const AggregatorInput& input, const TxResult& result);

inline Bytes event_id() {
    host_event_id_t id;
    host_get_event_id(&id);
    const auto bytes = raw::view(id);
    return {bytes.begin(), bytes.end()};
}

namespace detail {

inline wavs_aggregator_output_option_u128_t give(const std::optional<U128>& price) {
    wavs_aggregator_output_option_u128_t out{};
    out.is_some = price.has_value();
    if (price) {
        out.val.value = {price->low, price->high};
    }
    return out;
}

inline void give(const Action& action, wavs_aggregator_output_aggregator_action_t& out) {
    if (const auto* timer = std::get_if<Timer>(&action)) {
        out.tag = WAVS_AGGREGATOR_OUTPUT_AGGREGATOR_ACTION_TIMER;
        out.val.timer.delay.secs = timer->delay_secs;
        return;
    }
    out.tag = WAVS_AGGREGATOR_OUTPUT_AGGREGATOR_ACTION_SUBMIT;
    auto& submit = out.val.submit;
    if (const auto* evm = std::get_if<EvmSubmit>(&action)) {
        submit.tag = WAVS_AGGREGATOR_OUTPUT_SUBMIT_ACTION_EVM;
        submit.val.evm.chain = raw::give(std::string_view(evm->chain));
        submit.val.evm.address.raw_bytes = raw::give(evm->address);
        submit.val.evm.gas_price = give(evm->gas_price);
    } else if (const auto* cosmos = std::get_if<CosmosSubmit>(&action)) {
        submit.tag = WAVS_AGGREGATOR_OUTPUT_SUBMIT_ACTION_COSMOS;
        submit.val.cosmos.chain = raw::give(std::string_view(cosmos->chain));
        submit.val.cosmos.address.bech32_addr = raw::give(std::string_view(cosmos->bech32_address));
        submit.val.cosmos.address.prefix_len = cosmos->prefix_length;
        submit.val.cosmos.gas_price = give(cosmos->gas_price);
    }
}

inline bool give(const Result<std::vector<Action>>& result, wavs_list_aggregator_action_t* ret,
                 wavs_string_t* err) {
    if (!result) {
        *err = raw::give(std::string_view(result.error()));
        return false;
    }
    auto* list = raw::allocate<wavs_aggregator_output_aggregator_action_t>(result->size());
    for (std::size_t i = 0; i < result->size(); ++i) {
        give((*result)[i], list[i]);
    }
    *ret = {list, result->size()};
    return true;
}

inline TxResult take(const wavs_result_any_tx_hash_string_t& result) {
    if (result.is_err) {
        return Error(std::string(raw::view(result.val.err)));
    }
    const auto& hash = result.val.ok;
    if (hash.tag == WAVS_TYPES_CHAIN_ANY_TX_HASH_EVM) {
        const auto bytes = raw::view(hash.val.evm);
        return Bytes(bytes.begin(), bytes.end());
    }
    return std::string(raw::view(hash.val.cosmos));
}

}  // namespace detail
}  // namespace wavs

extern "C" inline __attribute__((used)) bool exports_wavs_process_input(
    wavs_aggregator_input_t* input, wavs_list_aggregator_action_t* ret, wavs_string_t* err) {
    return wavs::detail::give(wavs::on_input(*input), ret, err);
}

extern "C" inline __attribute__((used)) bool exports_wavs_handle_timer_callback(
    wavs_aggregator_input_t* input, wavs_list_aggregator_action_t* ret, wavs_string_t* err) {
    return wavs::detail::give(wavs::on_timer(*input), ret, err);
}

extern "C" inline __attribute__((used)) bool exports_wavs_handle_submit_callback(
    wavs_aggregator_input_t* input, wavs_result_any_tx_hash_string_t* result, wavs_string_t* err) {
    const auto done = wavs::on_submitted(*input, wavs::detail::take(*result));
    if (!done) {
        *err = wavs::raw::give(std::string_view(done.error()));
    }
    return done.has_value();
}
