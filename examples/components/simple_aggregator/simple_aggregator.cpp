// SPDX-License-Identifier: Apache-2.0
// Sends each result to the contract named in the configuration: `chain` and `service_handler`. With
// `gas_strategy` (`fast`, `standard`, `slow`) and a key of the oracle in the environment, at the
// price the oracle names; `gas_oracle_url` is for another oracle with the same answers.

#include "wavs/aggregator.hpp"
#include "wavs/http.hpp"
#include "wavs/json.hpp"
#include "wavs/keyvalue.hpp"

namespace {

using wavs::Action;
using wavs::Error;
using wavs::Result;
using wavs::U128;

constexpr const char* kKeyVariable = "WAVS_ENV_ETHERSCAN_API_KEY";
constexpr const char* kOracle = "https://api.etherscan.io/v2/api";

Result<std::string> member_of(const std::string& strategy) {
    if (strategy == "fast") {
        return "FastGasPrice";
    }
    if (strategy == "standard") {
        return "ProposeGasPrice";
    }
    if (strategy == "slow" || strategy == "safe") {
        return "SafeGasPrice";
    }
    return Error("gas_strategy is not fast, standard or slow: " + strategy);
}

/// "1.25" gwei is 1250000000 wei; digits below a wei do not count.
std::optional<std::uint64_t> wei_of(std::string_view gwei) {
    constexpr int kDecimals = 9;
    constexpr std::uint64_t kMost = UINT64_MAX / 10 - 1;
    std::uint64_t wei = 0;
    int decimals = -1;
    for (const char c : gwei) {
        if (c == '.' && decimals < 0) {
            decimals = 0;
        } else if (c < '0' || c > '9' || wei > kMost) {
            return std::nullopt;
        } else if (decimals < kDecimals) {
            wei = wei * 10 + static_cast<std::uint64_t>(c - '0');
            decimals += decimals < 0 ? 0 : 1;
        }
    }
    for (int i = std::max(decimals, 0); i < kDecimals; ++i) {
        if (wei > kMost) {
            return std::nullopt;
        }
        wei *= 10;
    }
    return gwei.empty() || wei == 0 ? std::nullopt : std::optional(wei);
}

Result<U128> ask_oracle(const std::string& chain, const std::string& key,
                        const std::string& member) {
    const auto id = chain.substr(chain.find(':') + 1);
    const auto answer = wavs::http::send(
        {.url = wavs::host::config("gas_oracle_url").value_or(kOracle) + "?chainid=" + id +
                "&module=gastracker&action=gasoracle&apikey=" + key,
         .timeout_ms = 5'000});
    if (!answer) {
        return Error(answer.error());
    }
    const auto reply = wavs::json::parse(wavs::text_of(answer->body));
    const auto* result = reply ? reply->find("result") : nullptr;
    const auto* price = result != nullptr ? result->find(member) : nullptr;
    const auto wei = price != nullptr ? wei_of(price->text) : std::nullopt;
    if (answer->status != 200 || !wei) {
        return Error("status " + std::to_string(answer->status) + ", no price " + member);
    }
    return U128{*wei, 0};
}

/// None leaves the price to the node, also when the oracle does not answer: a result that is posted
/// at the node's price is better than none.
Result<std::optional<U128>> gas_price(const std::string& chain) {
    const auto strategy = wavs::host::config("gas_strategy");
    const auto key = wavs::host::env(kKeyVariable);
    if (!strategy || !key) {
        return std::nullopt;
    }
    const auto member = member_of(*strategy);
    if (!member) {
        return Error(member.error());
    }
    const auto price = ask_oracle(chain, *key, *member);
    if (!price) {
        wavs::host::log(wavs::host::Level::Warn, "gas oracle: " + price.error());
        return std::nullopt;
    }
    return *price;
}

Result<Action> submit_to(const std::string& chain, const std::string& handler) {
    if (wavs::host::has_evm_chain(chain)) {
        auto address = wavs::parse_hex(handler);
        if (!address || address->size() != 20) {
            return Error("service_handler is not an EVM address: " + handler);
        }
        const auto price = gas_price(chain);
        if (!price) {
            return Error(price.error());
        }
        return wavs::EvmSubmit{chain, *std::move(address), *price};
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
