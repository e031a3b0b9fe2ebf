// SPDX-License-Identifier: Apache-2.0
// Submits to `chain` and `service_handler`, and chooses whose signatures are posted, as
// configuration `select` says: `all` (also without it), `drop_first`, `hold`, `wait_for:N` (nothing
// before there are N, then all). `bad_index`, `twice` and `fail` are what a node must not accept.

#include "wavs/aggregator.hpp"
#include "wavs/quorum.hpp"

#include <numeric>

namespace {

using wavs::Action;
using wavs::Error;
using wavs::Result;
using Actions = Result<std::vector<Action>>;
using Places = std::vector<std::uint32_t>;

constexpr std::string_view kWaitFor = "wait_for:";

// The last one first: the order is the node's affair.
Places all_of(std::size_t count) {
    Places places(count);
    std::iota(places.rbegin(), places.rend(), 0U);
    return places;
}

Result<Places> wait_for(std::string_view number, std::size_t count) {
    const auto needed = wavs::parse_u64(number);
    if (!needed) {
        return Error("select: \"" + std::string(number) + "\" is not a number of signatures");
    }
    return count < *needed ? Places{} : all_of(count);
}

}  // namespace

Actions wavs::on_input(const AggregatorInput&) {
    const auto chain = host::required_config("chain");
    const auto handler = host::required_config("service_handler");
    if (!chain || !handler) {
        return Error(!chain ? chain.error() : handler.error());
    }
    auto address = parse_hex(*handler);
    if (!address || address->size() != 20) {
        return Error("service_handler is not an EVM address: " + *handler);
    }
    return std::vector<Action>{EvmSubmit{*chain, *std::move(address), std::nullopt}};
}

Actions wavs::on_timer(const AggregatorInput&) { return std::vector<Action>{}; }

Result<void> wavs::on_submitted(const AggregatorInput&, const TxResult&) { return {}; }

Result<Places> wavs::on_select(BytesView id, const Submit&, std::span<const QuorumEntry> entries) {
    const auto how = host::config("select").value_or("all");
    if (text_of(id) != text_of(event_id())) {
        return Error("the selection is asked for another event than that of the run");
    }
    if (how == "all") {
        return all_of(entries.size());
    }
    if (how == "drop_first") {
        auto places = all_of(entries.size());
        places.resize(places.empty() ? 0 : places.size() - 1);
        return places;
    }
    if (how == "hold") {
        return Places{};
    }
    if (how.starts_with(kWaitFor)) {
        return wait_for(std::string_view(how).substr(kWaitFor.size()), entries.size());
    }
    if (how == "bad_index") {
        return Places{static_cast<std::uint32_t>(entries.size())};
    }
    if (how == "twice") {
        return Places{0, 0};
    }
    if (how == "fail") {
        std::string text = "select: refused";
        for (const auto& entry : entries) {
            text += " " + entry.weight;
        }
        return Error(text);
    }
    return Error("select is not all, drop_first, hold, wait_for:N, bad_index, twice or fail: " +
                 how);
}
