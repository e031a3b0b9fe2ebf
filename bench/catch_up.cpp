// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"

#include "wavs/chain_evm/abi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace wavs::bench {
namespace {

// An hour of a chain with a block a second.
constexpr std::uint64_t kBlocks = 3'600;
constexpr std::uint64_t kEvents = 10'000;
// Every fourth block has events, so that making the chain does not take longer than reading it.
constexpr std::uint64_t kStep = 4;
static_assert(kBlocks % kStep == 0);
constexpr auto kBlockTime = std::chrono::seconds(1);
constexpr auto kPatience = std::chrono::minutes(10);

struct Run {
    double signed_s = 0;
    double posted_s = 0;
    double rss_before_mb = 0;
    double rss_mb = 0;
    double rss_posted_mb = 0;
};

// While the node is down: the events spread over the blocks, those of a block in one transaction.
void build_chain(ClientSide& side, ChainNode& chain) {
    auto& anvil = chain.devnet().anvil();
    const auto sender = must(cli::anvil_account(0));
    side.must(anvil.mine_manually());
    std::uint64_t sent = 0;
    for (std::uint64_t block = kStep; block <= kBlocks; block += kStep) {
        const auto due = kEvents * block / kBlocks;
        auto call = chain_evm::encode_call(
            cli::selector_for("addTriggerCount(bytes,uint256)"),
            {chain_evm::AbiValue::string("bench"), chain_evm::AbiValue::uint(due - sent)});
        side.must(anvil.send(sender, chain.contracts().trigger, std::move(call)));
        side.must(anvil.mine(kStep));
        sent = due;
    }
    side.must(anvil.mine_every(kBlockTime));
}

std::uint64_t signed_results(ClientSide& side, cli::NodeClient& client) {
    constexpr std::string_view kName = "\nwavs_submissions_signed_total ";
    const auto page = side.must(client.expect_success({.target = "/metrics"}));
    const auto at = page.find(kName);
    return at == std::string::npos ? 0 : std::strtoull(&page[at + kName.size()], nullptr, 10);
}

std::uint64_t handled_results(ClientSide& side, ChainNode& chain) {
    chain_evm::CallRequest call;
    call.to = chain.contracts().handler;
    call.data = chain_evm::encode_call(cli::selector_for("getHandledCount()"));
    const auto outcome = side.must(chain.devnet().anvil().rpc().call(std::move(call)));
    const auto* returned = std::get_if<base::Bytes>(&outcome);
    return returned == nullptr
               ? 0
               : chain_evm::to_u64(must(chain_evm::decode_uint(*returned))).value_or(0);
}

template <typename Count>
double seconds_until_all(std::string_view what, ClientSide& side,
                         std::chrono::steady_clock::time_point start, Count count) {
    while (true) {
        const auto reached = count();
        const auto now = std::chrono::steady_clock::now();
        if (reached >= kEvents) {
            return seconds_between(start, now);
        }
        if (now - start > kPatience) {
            throw std::runtime_error(fmt::format("{} of {} events {}", reached, kEvents, what));
        }
        side.pause(std::chrono::milliseconds(50));
    }
}

Run measure(ClientSide& side, const Settings& settings, const std::filesystem::path& folder) {
    ChainNode chain(side, settings, folder, {.block_time = kBlockTime});
    auto& devnet = chain.devnet();
    Run run;
    run.rss_before_mb = usage_of(devnet.node().pid()).rss_mb;
    side.must(devnet.stop_node());
    build_chain(side, chain);
    const auto start = std::chrono::steady_clock::now();
    side.must(devnet.restart_node());
    auto& client = devnet.node().client();
    run.signed_s =
        seconds_until_all("are signed", side, start, [&] { return signed_results(side, client); });
    run.rss_mb = usage_of(devnet.node().pid()).rss_mb;
    run.posted_s = seconds_until_all("are on chain", side, start,
                                     [&] { return handled_results(side, chain); });
    run.rss_posted_mb = usage_of(devnet.node().pid()).rss_mb;
    return run;
}

double median_of(const std::vector<Run>& runs, double Run::* figure) {
    std::vector<double> values;
    for (const auto& run : runs) {
        values.push_back(run.*figure);
    }
    return median(std::move(values));
}

}  // namespace

void catch_up(const Settings& settings) {
    ClientSide side;
    std::vector<Run> runs;
    // To make the chain and to post the results takes minutes.
    for (unsigned i = 0; i < std::min(settings.runs, 3U); ++i) {
        note(fmt::format("catch_up: making {} blocks with {} events", kBlocks, kEvents));
        const auto folder = fresh_folder(settings, fmt::format("catch_up-{}", i));
        const auto run = measure(side, settings, folder);
        note(fmt::format("catch_up: signed after {:.2f} s, posted after {:.1f} s, {:.0f} MB",
                         run.signed_s, run.posted_s, run.rss_mb));
        runs.push_back(run);
    }
    const auto seconds = median_of(runs, &Run::signed_s);
    Line("catch_up")
        .add("signed_s", seconds, 2)
        .add("blocks_per_s", static_cast<double>(kBlocks) / seconds)
        .add("events_per_s", static_cast<double>(kEvents) / seconds)
        .add("times_real_time", static_cast<double>(kBlocks) *
                                    std::chrono::duration<double>(kBlockTime).count() / seconds)
        .add("rss_before_mb", median_of(runs, &Run::rss_before_mb), 1)
        .add("rss_mb", median_of(runs, &Run::rss_mb), 1)
        .add("posted_s", median_of(runs, &Run::posted_s), 1)
        .add("rss_posted_mb", median_of(runs, &Run::rss_posted_mb), 1)
        .print();
}

}  // namespace wavs::bench
