// SPDX-License-Identifier: Apache-2.0
// Many events: without a fault, and in random schedules of faults.
#include "quorum_fixture.hpp"

#include <cstdlib>

namespace wavs::aggregator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::QuorumTest;
using types::ResultState;

/// How many: more in the long form, WAVS_QUORUM_LONG=1.
std::uint32_t many(std::uint32_t usual, std::uint32_t in_the_long_form) {
    return std::getenv("WAVS_QUORUM_LONG") == nullptr ? usual : in_the_long_form;
}

struct Fleet {
    std::size_t operators;
    unsigned threshold;
    seconds block_time;
};

class FaultFree : public QuorumTest, public ::testing::WithParamInterface<Fleet> {};

TEST_P(FaultFree, one_transaction_per_event_and_every_operator_knows_it) {
    const auto [count, threshold, block_time] = GetParam();
    const auto events = count < 10 ? 200 : many(40, 200);
    found(count, threshold);
    for (std::uint32_t event = 0; event < events; ++event) {
        // They see the same block, but not at the same moment.
        std::vector<std::size_t> order(count);
        for (std::size_t i = 0; i < count; ++i) {
            order[i] = i;
        }
        for (std::size_t i = count; i > 1; --i) {
            std::swap(order[i - 1], order[random_.below(i)]);
        }
        for (const auto i : order) {
            sign_event(*operators_[i], event);
            pass(milliseconds(10 * random_.below(4)), block_time);
        }
        pass(milliseconds(10 * random_.below(20)), block_time);
    }
    pass(seconds(120), block_time);
    expect_posted_once(events);
    for (const auto& one : operators_) {
        EXPECT_EQ(one->aggregator->open_queues(), 0U);
        EXPECT_EQ(one->components.processed, static_cast<int>(events * count));
        for (std::uint64_t sequence = 1; sequence <= events; ++sequence) {
            EXPECT_EQ(state_of(*one, sequence), ResultState::Burned) << sequence;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Fleets, FaultFree,
                         ::testing::Values(Fleet{3, 2, seconds(1)}, Fleet{3, 2, seconds(12)},
                                           Fleet{5, 4, seconds(1)}, Fleet{5, 4, seconds(12)},
                                           Fleet{10, 7, seconds(1)}, Fleet{10, 7, seconds(12)}));

// Random schedules: messages are slow, links break, chains vanish, operators die and come back, and
// one of them lies now and then. Whatever happens, an event has one accepted result when all is
// well again, no operator signs two, and no result of the liar lands.
class Schedules : public QuorumTest, public ::testing::WithParamInterface<std::uint64_t> {
protected:
    static constexpr std::size_t kOperators = 5;
    static constexpr std::uint32_t kEvents = 24;

    Schedules() : QuorumTest(GetParam()) { hub_.slowest = milliseconds(400); }

    // Each signs an event once; the journal of a node sees to that.
    void sign_once(std::size_t index, std::uint32_t event) {
        if (!is_up(*operators_[index]) || !signed_.emplace(index, event).second) {
            return;
        }
        const bool lies = index == 0 && event % 3 == 0;
        sign_event(*operators_[index], event, lies ? base::Bytes{6, 6, 6} : base::Bytes{1, 2, 3});
    }
    void disturb() {
        auto& one = *operators_[random_.below(kOperators)];
        switch (random_.below(6)) {
            case 0:
                if (is_up(one)) {
                    kill(one);
                }
                break;
            case 1:
            case 2:
                if (!is_up(one)) {
                    restart(one);
                }
                break;
            case 3: {
                const auto alone = one.name;
                hub_.connected = [alone](const auto& a, const auto& b) {
                    return (a == alone) == (b == alone);
                };
                break;
            }
            case 4:
                hub_.connected = [](const auto&, const auto&) { return true; };
                hub_.ask_all();
                break;
            default:
                if (is_up(one)) {
                    one.target->gone = !one.target->gone;
                }
        }
    }
    void make_well() {
        hub_.connected = [](const auto&, const auto&) { return true; };
        for (auto& one : operators_) {
            if (!is_up(*one)) {
                restart(*one);
            }
            one->target->gone = false;
        }
        hub_.ask_all();
        for (std::size_t i = 0; i < kOperators; ++i) {
            for (std::uint32_t event = 0; event < kEvents; ++event) {
                sign_once(i, event);
            }
        }
        pass(seconds(700));
    }
    void expect_no_double_signature() {
        std::map<std::pair<std::string, types::EventId>, std::set<types::Bytes32>> digests;
        for (const auto& [from, data] : hub_.published) {
            const auto read = types::parse_submission(base::as_text(data)).value();
            digests[{from, read.event_id}].insert(types::envelope_digest(read.envelope));
        }
        for (const auto& [who, its_digests] : digests) {
            EXPECT_EQ(its_digests.size(), 1U) << who.first;
        }
    }

    std::set<std::pair<std::size_t, std::uint32_t>> signed_;
};

TEST_P(Schedules, one_accepted_result_per_event_and_no_double_signature) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    found(kOperators, 4);
    for (std::uint32_t event = 0; event < kEvents; ++event) {
        for (std::size_t i = 0; i < kOperators; ++i) {
            if (random_.below(10) != 0) {
                sign_once(i, event);
            }
        }
        if (random_.below(3) != 0) {
            disturb();
        }
        pass(milliseconds(100 * random_.below(30)));
    }
    make_well();
    std::size_t transactions = 0;
    for (std::uint32_t event = 0; event < kEvents; ++event) {
        const auto id = id_of(*operators_[0], event);
        transactions += chain_.transactions(id);
        ASSERT_TRUE(chain_.has(id)) << "event " << event;
        EXPECT_EQ(chain_.find(id)->digest,
                  types::envelope_digest(signed_by(*operators_[1], event).envelope));
    }
    expect_no_double_signature();
    for (const auto& one : operators_) {
        EXPECT_EQ(one->aggregator->open_queues(), 0U) << one->name;
    }
    RecordProperty("transactions", static_cast<int>(transactions));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Schedules, ::testing::Range<std::uint64_t>(1, 1 + many(5, 100)));

}  // namespace
}  // namespace wavs::aggregator
