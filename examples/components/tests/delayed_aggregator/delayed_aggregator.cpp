// SPDX-License-Identifier: Apache-2.0
// For tests: asks for a timer of configuration `delay-secs` first, where there is one, and for a
// submission to `chain` and `service_handler` when it has fired; without a handler for nothing. The
// bucket `calls` says how often each function was called.

#include "wavs/aggregator.hpp"
#include "wavs/keyvalue.hpp"

namespace {

using wavs::Action;
using wavs::Error;
using wavs::Result;
using Actions = Result<std::vector<Action>>;

Result<void> count(std::string_view function) {
    const auto bucket = wavs::keyvalue::Bucket::open("calls");
    if (!bucket) {
        return Error(bucket.error());
    }
    const auto stored = bucket->get(function);
    if (!stored) {
        return Error(stored.error());
    }
    const auto before = *stored ? wavs::parse_u64(wavs::text_of(**stored)).value_or(0) : 0;
    return bucket->set(function, wavs::bytes_of(std::to_string(before + 1)));
}

Actions submit() {
    const auto handler = wavs::host::config("service_handler");
    if (!handler) {
        return std::vector<Action>{};
    }
    const auto chain = wavs::host::required_config("chain");
    if (!chain) {
        return Error(chain.error());
    }
    auto address = wavs::parse_hex(*handler);
    if (!address || address->size() != 20) {
        return Error("service_handler is not an EVM address: " + *handler);
    }
    return std::vector<Action>{wavs::EvmSubmit{*chain, *std::move(address), std::nullopt}};
}

}  // namespace

Actions wavs::on_input(const AggregatorInput&) {
    const auto text = host::config("delay-secs");
    if (!text) {
        return submit();
    }
    const auto delay = parse_u64(*text);
    if (!delay) {
        return Error("delay-secs is not a number");
    }
    if (auto counted = count("input"); !counted) {
        return Error(counted.error());
    }
    return std::vector<Action>{Timer{*delay}};
}

Actions wavs::on_timer(const AggregatorInput&) {
    if (auto counted = count("timer"); !counted) {
        return Error(counted.error());
    }
    return submit();
}

wavs::Result<void> wavs::on_submitted(const AggregatorInput&, const TxResult&) { return {}; }
