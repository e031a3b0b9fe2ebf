// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"

#include "wavs/chain_evm/abi.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wavs::bench {
namespace {

constexpr std::uint64_t kEvents = 500;
constexpr auto kBlockTime = std::chrono::seconds(2);
constexpr auto kPatience = std::chrono::seconds(120);

struct Run {
    double blocks = 0;
    double seconds = 0;
};

Run measure(ClientSide& side, ChainNode& chain) {
    auto& devnet = chain.devnet();
    auto call = chain_evm::encode_call(
        cli::selector_for("addTriggerCount(bytes,uint256)"),
        {chain_evm::AbiValue::string("bench"), chain_evm::AbiValue::uint(kEvents)});
    const auto hash = side.must(devnet.anvil().send(must(cli::anvil_account(0)),
                                                    chain.contracts().trigger, std::move(call)));
    const auto receipt = side.must(devnet.anvil().wait_mined(hash, kPatience));
    const auto start = std::chrono::steady_clock::now();
    while (true) {
        const auto results =
            side.must(devnet.handled(chain.contracts().handler, receipt.block_number));
        const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
        if (results.size() >= kEvents) {
            const auto last = results.back().block_number;
            return {static_cast<double>(last - receipt.block_number), seconds};
        }
        if (seconds > std::chrono::duration<double>(kPatience).count()) {
            throw std::runtime_error(fmt::format("{} of {} results are on chain after {:.0f} s",
                                                 results.size(), kEvents, seconds));
        }
        side.pause(std::chrono::milliseconds(200));
    }
}

}  // namespace

void posting(const Settings& settings) {
    const auto folder = fresh_folder(settings, "posting");
    ClientSide side;
    ChainNode chain(side, settings, folder, {.block_time = kBlockTime});
    std::vector<double> blocks;
    std::vector<double> seconds;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto run = measure(side, chain);
        note(fmt::format("posting: {} results after {:.0f} blocks, {:.1f} s", kEvents, run.blocks,
                         run.seconds));
        blocks.push_back(run.blocks);
        seconds.push_back(run.seconds);
    }
    Line("posting")
        .add("blocks", median(std::move(blocks)))
        .add("seconds", median(std::move(seconds)), 1)
        .add("events", static_cast<double>(kEvents))
        .add("block_time_s", std::chrono::duration<double>(kBlockTime).count())
        .print();
}

}  // namespace wavs::bench
