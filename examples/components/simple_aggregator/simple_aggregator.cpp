// SPDX-License-Identifier: Apache-2.0
// Sends each result to the contract named in the configuration: `chain` and `service_handler`.

#include "wavs/aggregator.hpp"
#include "wavs/keyvalue.hpp"

namespace {

using wavs::Action;
using wavs::Error;
using wavs::Result;

Result<Action> submit_to(const std::string& chain, const std::string& handler) {
    // No gas oracle is asked: without HTTP a configured gas_strategy means no gas price.
    if (wavs::host::has_evm_chain(chain)) {
        auto address = wavs::parse_hex(handler);
        if (!address || address->size() != 20) {
            return Error("service_handler is not an EVM address: " + handler);
        }
        return wavs::EvmSubmit{chain, *std::move(address), std::nullopt};
    }
    if (wavs::host::has_cosmos_chain(chain)) {
        const auto separator = handler.rfind('1');
        if (separator == std::string::npos) {
            return Error("service_handler is not a bech32 address: " + handler);
        }
        return wavs::CosmosSubmit{chain, handler, static_cast<std::uint32_t>(separator),
                                  std::nullopt};
    }
    return Error("chain " + chain + " is not configured");
}

}  // namespace

wavs::Result<std::vector<wavs::Action>> wavs::on_input(const AggregatorInput&) {
    if (host::all_zero(event_id())) {
        return Error("event id is all zeros");
    }
    const auto chain = host::required_config("chain");
    if (!chain) {
        return Error(chain.error());
    }
    const auto handler = host::required_config("service_handler");
    if (!handler) {
        return Error(handler.error());
    }
    return submit_to(*chain, *handler).transform([](Action action) {
        return std::vector{std::move(action)};
    });
}

wavs::Result<std::vector<wavs::Action>> wavs::on_timer(const AggregatorInput&) {
    return std::vector<Action>{};
}

wavs::Result<void> wavs::on_submitted(const AggregatorInput&, const TxResult& result) {
    const auto bucket = keyvalue::Bucket::open("submit-result");
    if (!bucket) {
        return Error(bucket.error());
    }
    if (auto stored = bucket->set("completed", bytes_of("true")); !stored) {
        return stored;
    }
    return bucket->set("success", bytes_of(result ? "true" : "false"));
}
