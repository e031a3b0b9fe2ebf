// SPDX-License-Identifier: Apache-2.0
// Random schedules of faults between a node and its chain, and what must come of them.
//
// One seed makes one schedule (fault_schedule.hpp), and a round does it: events, blocks, faults of
// the endpoints, ends of the node and of the chain, replaced blocks. Then everything is well again,
// blocks are mined, and within a minute this must hold of the chain as it is then:
//
//   - Each event in it has exactly one result in it, with the id that the event has in its block.
//   - Every other result is that of an event whose block the chain has replaced: a transaction that
//     was made before the node learned of it cannot be taken back (docs/decisions.md D-15, D-61),
//     and the chain takes such a transaction into the blocks that replace its own, as the pool of a
//     real one would. There is at most one for each id.
//   - No transaction to the handler failed: a failed one would be a result that was sent twice.
//
// Rounds share chain, node folder and service, but not the process of the node: each begins with a
// kill and a new start, behind proxies without faults, and no round replaces blocks of an earlier
// one. So a seed alone (WAVS_SEED=n) does the same steps with the same payloads to a node in the
// same state as in a row (WAVS_SEEDS=a-b), except for the length of its history. When two processes
// get to what they do is not part of the seed: a failure that needs a rare order may take repeats.
#include "fault_world.hpp"

#include <cstdlib>

namespace wavs::e2e {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kSeeds = 20;
constexpr auto kBudget = std::chrono::minutes(4);

const std::vector<Disturbance> kEnabled{
    Disturbance::Refuse,         Disturbance::Drop,      Disturbance::Silent,
    Disturbance::SilentThenDrop, Disturbance::Delay,     Disturbance::SwallowHeads,
    Disturbance::SwallowLogs,    Disturbance::Duplicate, Disturbance::Reorder,
    Disturbance::Truncate,       Disturbance::RateLimit, Disturbance::WrongChain,
    Disturbance::RangeLimit,     Disturbance::Lag,       Disturbance::KillNode,
    Disturbance::RestartChain,   Disturbance::Reorg,     Disturbance::Revert};

struct Seeds {
    std::uint64_t first = 1;
    std::uint64_t last = kSeeds;
    /// Those of a run that somebody asked for are all run.
    bool within_budget = true;
};

Seeds wanted_seeds() {
    if (const char* one = std::getenv("WAVS_SEED"); one != nullptr) {
        const auto seed = std::strtoull(one, nullptr, 10);
        return {seed, seed, false};
    }
    const char* range = std::getenv("WAVS_SEEDS");
    if (range == nullptr) {
        return {};
    }
    char* dash = nullptr;
    const auto first = std::strtoull(range, &dash, 10);
    if (*dash != '-') {
        throw std::runtime_error("WAVS_SEEDS must be a range such as 1-200");
    }
    return {first, std::strtoull(dash + 1, nullptr, 10), false};
}

class FaultSchedules : public FaultWorld {
protected:
    /// What the chain does not have as it should be; empty when all is well.
    struct Wrong {
        std::vector<std::string> missing;
        std::vector<std::string> wrong;
        bool empty() const { return missing.empty() && wrong.empty(); }
    };

    Wrong look() {
        Wrong out;
        const auto events = events_in(first_block_, head());
        std::map<types::EventId, std::size_t> results;
        for (const auto& one : must(devnet_->handled(contracts_.handler, first_block_))) {
            ++results[one.event_id];
        }
        for (const auto& [event, payload] : events) {
            if (!results.contains(event)) {
                out.missing.push_back(
                    fmt::format("no result: {} {}", types::to_string(event), payload));
            }
        }
        for (const auto& [event, count] : results) {
            const auto name = types::to_string(event);
            if (count > 1 || settled_.contains(event)) {
                out.wrong.push_back(fmt::format("more than one result: {}", name));
            }
            if (!events.contains(event) && !replaced_.contains(event)) {
                out.wrong.push_back(fmt::format("a result of no event: {}", name));
            }
        }
        return out;
    }

    std::vector<std::string> failed_transactions() {
        std::vector<std::string> out;
        auto rpc = devnet_->anvil().rpc();
        for (auto number = first_block_; number <= head(); ++number) {
            const auto block =
                must(rpc.block_with_transactions(chain_evm::BlockRef::at(number))).value();
            for (const auto& one : block.transactions) {
                if (one.to == contracts_.handler && !must(rpc.receipt(one.hash)).value().success) {
                    out.push_back(
                        fmt::format("failed: {} in block {}", types::to_string(one.hash), number));
                }
            }
        }
        return out;
    }

    /// Mines until all is well, or for too long.
    Wrong settle() {
        cli::Poller poller(tools_, seconds(60), "the results of the round");
        while (true) {
            mine(1);
            auto wrong = look();
            if (wrong.empty() || !wrong.wrong.empty() || !run(poller.pause()).has_value()) {
                return wrong;
            }
        }
    }

    /// Where the missing results may be.
    std::string whereabouts() {
        auto rpc = devnet_->anvil().rpc();
        const auto pool = run(rpc.raw("txpool_inspect", "[]"));
        const auto results = run(client().expect_success({.target = "/node/events?limit=20"}));
        return fmt::format("pool of the chain: {}\nevents of the node: {}",
                           pool.has_value() ? pool.value() : pool.error().full_text(),
                           results.has_value() ? results.value() : results.error().full_text());
    }

    std::string since(base::SteadyTime start) const {
        return fmt::format("{:6.3f} s  ",
                           std::chrono::duration<double>(clock_.steady_now() - start).count());
    }

    bool run_seed(std::uint64_t seed) {
        const auto schedule = make_schedule(seed, kEnabled);
        std::string report = fmt::format("seed {}, {} endpoints\n", seed, schedule.endpoints);
        const auto start = clock_.steady_now();
        Wrong wrong;
        try {
            begin_round(schedule);
            for (const auto& step : schedule.steps) {
                report += since(start) + to_string(step) + "\n";
                perform(step);
            }
            heal();
            report += since(start) + "all is well again\n";
            wrong = settle();
            for (auto& failed : failed_transactions()) {
                wrong.wrong.push_back(std::move(failed));
            }
        } catch (const std::exception& e) {
            wrong.wrong.emplace_back(e.what());
        }
        report += since(start) + "end\n";
        std::printf("seed %llu: %s%s\n", static_cast<unsigned long long>(seed),
                    since(start).c_str(), wrong.empty() ? "ok" : "FAILED");
        std::fflush(stdout);
        if (!wrong.empty()) {
            ADD_FAILURE() << report
                          << fmt::format("{}\n{}\n", fmt::join(wrong.missing, "\n"),
                                         fmt::join(wrong.wrong, "\n"))
                          << whereabouts() << "\n"
                          << fmt::format("again: WAVS_SEED={} ctest --preset check -R {}", seed,
                                         "random_faults_lose_and_repeat_nothing");
            return false;
        }
        for (const auto& one : must(devnet_->handled(contracts_.handler, first_block_))) {
            late_ += replaced_.contains(one.event_id) ? 1 : 0;
            settled_.insert(one.event_id);
        }
        return true;
    }

    /// How often each fault struck; over the usual seeds each one does.
    void expect_faults(bool all) const {
        const auto c = counts();
        const std::vector<std::pair<std::string_view, std::size_t>> struck{
            {"refused", c.refused},         {"dropped", c.dropped},
            {"silenced", c.silenced},       {"delayed", c.delayed},
            {"duplicated", c.duplicated},   {"reordered", c.reordered},
            {"truncated", c.truncated},     {"rate limited", c.rate_limited},
            {"wrong chain", c.wrong_chain}, {"range refused", c.range_refused},
            {"lagged", c.lagged},           {"results of replaced events", late_}};
        for (const auto& [name, count] : struck) {
            std::printf("%s: %zu\n", std::string(name).c_str(), count);
            EXPECT_TRUE(count > 0 || !all) << "no schedule met: " << name;
        }
    }

    /// Events with a result in an earlier round.
    std::set<types::EventId> settled_;
    std::size_t late_ = 0;
};

TEST_F(FaultSchedules, random_faults_lose_and_repeat_nothing) {
    const auto seeds = wanted_seeds();
    const auto start = clock_.steady_now();
    begin();
    auto done = true;
    for (auto seed = seeds.first; seed <= seeds.last; ++seed) {
        if (seeds.within_budget && clock_.steady_now() - start > kBudget) {
            std::printf("the time is up: seeds %llu to %llu were not run\n",
                        static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(seeds.last));
            done = false;
            break;
        }
        ASSERT_TRUE(run_seed(seed));
    }
    expect_faults(done && seeds.last - seeds.first + 1 >= kSeeds);
}

}  // namespace
}  // namespace wavs::e2e
