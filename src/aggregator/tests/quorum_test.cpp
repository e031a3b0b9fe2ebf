// SPDX-License-Identifier: Apache-2.0
#include "sim_operators.hpp"

#include <cstdlib>

namespace wavs::aggregator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Operators;
using types::ResultState;

/// How many: more in the long form, WAVS_QUORUM_LONG=1.
std::uint32_t many(std::uint32_t usual, std::uint32_t in_the_long_form) {
    return std::getenv("WAVS_QUORUM_LONG") == nullptr ? usual : in_the_long_form;
}

class QuorumTest : public Operators {
protected:
    using Operators::Operators;

    void all_sign(std::uint32_t event) {
        for (auto& one : operators_) {
            sign_event(*one, event);
        }
    }
    void expect_posted_once(std::uint32_t events) {
        for (std::uint32_t event = 0; event < events; ++event) {
            const auto id = id_of(*operators_[0], event);
            EXPECT_EQ(chain_.transactions(id), 1U) << "event " << event;
            EXPECT_TRUE(chain_.has(id)) << "event " << event;
        }
    }
};

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

TEST_F(QuorumTest, below_quorum_waits_until_the_next_signature_comes) {
    found(3, 2);
    sign_event(*operators_[0], 0);
    pass(seconds(20));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_EQ(state_of(*operators_[0], 1), ResultState::Collecting);
    EXPECT_EQ(
        operators_[0]->components.callbacks,
        (std::vector<std::string>{"Insufficient Quorum: weight 1 < threshold 2 (total weight: 3)"}))
        << "the timer's retries are silent";
    sign_event(*operators_[1], 0);
    pass(seconds(20));
    expect_posted_once(1);
    EXPECT_EQ(operators_[0]->components.callbacks.back(), "ok");
    EXPECT_EQ(operators_[1]->components.callbacks.back(), "ok");
    EXPECT_EQ(operators_[2]->components.callbacks.back(), "ok") << "whoever sent it";
}

TEST_F(QuorumTest, an_operator_that_comes_late_gets_what_it_missed_and_posts_nothing_again) {
    chain_.refuses_repeats = false;
    found(3, 2);
    kill(*operators_[2]);
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
        pass(seconds(3));
    }
    pass(seconds(20));
    expect_posted_once(5);
    restart(*operators_[2]);
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[2], event);
    }
    pass(seconds(60));
    expect_posted_once(5);
    for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
        EXPECT_EQ(state_of(*operators_[2], sequence), ResultState::Burned);
    }
}

TEST_F(QuorumTest, two_that_signed_without_each_other_are_brought_together_by_a_third) {
    found(3, 2);
    hub_.connected = [](const auto& a, const auto& b) { return a == b; };
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(900));
    EXPECT_EQ(chain_.mined.size(), 0U);
    hub_.connected = [](const auto& a, const auto& b) { return a == "node2" || b == "node2"; };
    hub_.ask_all();
    pass(seconds(120));
    expect_posted_once(1);
}

TEST_F(QuorumTest, a_partition_heals) {
    found(5, 4);
    hub_.connected = [](const auto& a, const auto& b) { return (a < "node2") == (b < "node2"); };
    for (std::uint32_t event = 0; event < 10; ++event) {
        all_sign(event);
        pass(milliseconds(500));
    }
    pass(seconds(30));
    EXPECT_EQ(chain_.mined.size(), 0U) << "neither side has four";
    hub_.connected = [](const auto&, const auto&) { return true; };
    pass(seconds(240));
    expect_posted_once(10);
}

TEST_F(QuorumTest, all_restart_in_the_middle_and_every_event_is_posted_once) {
    found(3, 3);
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
    }
    pass(seconds(2));
    for (auto& one : operators_) {
        kill(*one);
    }
    for (auto& one : operators_) {
        restart(*one);
    }
    pass(seconds(2));
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[2], event);
    }
    pass(seconds(60));
    expect_posted_once(5);
}

TEST_F(QuorumTest, killed_between_the_last_two_signatures_it_still_has_the_ones_before) {
    found(3, 3);
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(1));
    kill(*operators_[0]);
    // The others are gone for good: only what this node has stored can help.
    kill(*operators_[1]);
    restart(*operators_[0]);
    sign_event(*operators_[2], 0);
    pass(seconds(60));
    expect_posted_once(1);
}

TEST_F(QuorumTest, a_dishonest_result_that_comes_first_does_not_keep_the_honest_one_back) {
    found(3, 2);
    sign_event(*operators_[0], 0, {6, 6, 6});
    pass(seconds(1));
    sign_event(*operators_[1], 0);
    sign_event(*operators_[2], 0);
    pass(seconds(30));
    expect_posted_once(1);
    EXPECT_EQ(chain_.find(id_of(*operators_[0], 0))->digest,
              types::envelope_digest(signed_by(*operators_[1], 0).envelope));
    EXPECT_EQ(state_of(*operators_[0], 1), ResultState::Superseded) << "another one is on chain";
    EXPECT_EQ(state_of(*operators_[1], 1), ResultState::Burned);
    EXPECT_EQ(state_of(*operators_[2], 1), ResultState::Burned);
    EXPECT_EQ(log_.count("operators signed different results"), 3U) << "each operator sees it";
    EXPECT_EQ(operators_[0]->exchange->submissions().divergences().value().size(), 1U);
}

TEST_F(QuorumTest, weights_count_not_heads) {
    found(3, 0);
    chain_.weights[operators_[0]->signer] = 70;
    chain_.weights[operators_[1]->signer] = 20;
    chain_.weights[operators_[2]->signer] = 10;
    chain_.threshold = 67;
    sign_event(*operators_[1], 0);
    sign_event(*operators_[2], 0);
    pass(seconds(20));
    EXPECT_EQ(chain_.mined.size(), 0U) << "30 of 100";
    sign_event(*operators_[0], 1);
    pass(seconds(20));
    EXPECT_TRUE(chain_.has(id_of(*operators_[0], 1))) << "70 of 100";
    sign_event(*operators_[0], 0);
    pass(seconds(20));
    expect_posted_once(2);
}

TEST_F(QuorumTest, one_that_was_deregistered_spoils_nothing) {
    found(3, 2);
    all_sign(0);
    pass(seconds(10));
    chain_.weights.erase(operators_[2]->signer);
    for (std::uint32_t event = 1; event < 8; ++event) {
        all_sign(event);
        pass(seconds(1));
    }
    pass(seconds(90));
    expect_posted_once(8);
}

TEST_F(QuorumTest, signatures_count_together_whatever_the_gas_price) {
    found(3, 3);
    operators_[0]->components.gas_price = 7;
    operators_[1]->components.gas_price = 8;
    all_sign(0);
    pass(seconds(20));
    expect_posted_once(1);
}

TEST_F(QuorumTest, one_that_registers_while_others_sign_counts_from_then_on) {
    found(2, 2);
    chain_.weights.erase(operators_[1]->signer);
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(70));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_THAT(operators_[1]->exchange->warnings(),
                ::testing::ElementsAre(
                    ::testing::Pair(::testing::_, ::testing::HasSubstr("has no weight"))));
    chain_.weights[operators_[1]->signer] = 1;
    pass(seconds(60));
    expect_posted_once(1);
}

// What the manager said before is remembered for a while. Without its own signature each operator
// took itself for the last in turn, and all posted at the same moment.
TEST_F(QuorumTest, registered_a_moment_ago_they_take_turns_all_the_same) {
    found(3, 2);
    for (auto& one : operators_) {
        kill(*one);
    }
    const auto weights = std::exchange(chain_.weights, {});
    for (auto& one : operators_) {
        restart(*one);
    }
    pass(seconds(1));
    chain_.weights = weights;
    all_sign(0);
    pass(seconds(30));
    expect_posted_once(1);
}

TEST_F(QuorumTest, whoever_is_first_but_gone_is_waited_for_and_then_replaced) {
    found(3, 2);
    all_sign(0);
    pass(seconds(10));
    kill(*operators_[2]);
    for (std::uint32_t event = 1; event < 8; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
        pass(milliseconds(300));
    }
    pass(seconds(60));
    expect_posted_once(8);
}

// The handler would take a second one, so that only knowing keeps them from sending it.
TEST_F(QuorumTest, who_cannot_see_what_others_posted_posts_nothing) {
    chain_.refuses_repeats = false;
    found(3, 2);
    for (auto& one : operators_) {
        one->target->blind = true;
    }
    all_sign(0);
    pass(seconds(120));
    EXPECT_EQ(chain_.mined.size(), 0U);
    for (auto& one : operators_) {
        EXPECT_EQ(one->components.callbacks.back(), "EVM client: no block 7");
        one->target->blind = false;
    }
    pass(seconds(400));
    expect_posted_once(1);
}

TEST_F(QuorumTest, what_holds_a_result_up_is_told_once_whatever_else_fails) {
    found(3, 2);
    operators_[0]->target->blind = true;
    sign_event(*operators_[0], 0);
    pass(seconds(300));
    EXPECT_EQ(operators_[0]->components.callbacks,
              (std::vector<std::string>{
                  "Insufficient Quorum: weight 1 < threshold 2 (total weight: 3)"}));
    EXPECT_EQ(log_.count("not posted yet"), 3U) << "once by each of the three";
    EXPECT_EQ(log_.count("posting failed"), 0U);
}

class SelectionTest : public QuorumTest {
protected:
    using Choice = base::Result<std::optional<std::vector<std::uint32_t>>>;
    void choose(std::function<Choice(const std::vector<QuorumEntry>&)> choice) {
        for (auto& one : operators_) {
            one->components.choose = choice;
        }
    }
    std::vector<std::string> callbacks() const { return operators_[0]->components.callbacks; }
};

TEST_F(SelectionTest, it_drops_one_and_the_rest_is_posted) {
    found(4, 2);
    std::set<std::size_t> offered;
    choose([&](const auto& entries) -> Choice {
        offered.insert(entries.size());
        for (std::size_t i = 1; i < entries.size(); ++i) {
            EXPECT_LT(entries[i - 1].signer, entries[i].signer);
            EXPECT_EQ(entries[i].weight, "1");
        }
        std::vector<std::uint32_t> all;
        for (std::uint32_t i = 1; i < entries.size(); ++i) {
            all.push_back(i);
        }
        return std::optional(all);
    });
    all_sign(0);
    pass(seconds(30));
    expect_posted_once(1);
    EXPECT_EQ(chain_.find(id_of(*operators_[0], 0))->signatures + 1, *offered.rbegin());
}

TEST_F(SelectionTest, it_waits_for_all_and_is_asked_only_when_there_is_another) {
    found(3, 2);
    int asked = 0;
    choose([&](const auto& entries) -> Choice {
        ++asked;
        std::vector<std::uint32_t> out;
        for (std::uint32_t i = 0; entries.size() == 3 && i < 3; ++i) {
            out.push_back(i);
        }
        return std::optional(out);
    });
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(120));
    EXPECT_EQ(chain_.mined.size(), 0U);
    const auto asked_before = asked;
    EXPECT_LE(asked_before, 3) << "once per operator that had its turn";
    EXPECT_EQ(callbacks().back(), "Selection: the component waits for more signatures");
    sign_event(*operators_[2], 0);
    pass(seconds(30));
    expect_posted_once(1);
    EXPECT_EQ(chain_.find(id_of(*operators_[0], 0))->signatures, 3U);
    EXPECT_EQ(callbacks().back(), "ok");
}

TEST_F(SelectionTest, an_error_holds_the_queue_and_harms_no_other) {
    found(3, 2);
    choose([](const auto&) -> Choice {
        return base::Error(base::ErrorKind::Guest, "select_indices", "index 7 of 2 entries");
    });
    all_sign(0);
    pass(seconds(60));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_EQ(callbacks().back(), "Selection: index 7 of 2 entries");
    choose({});
    all_sign(1);
    pass(seconds(30));
    EXPECT_TRUE(chain_.has(id_of(*operators_[0], 1)));
}

TEST_F(SelectionTest, a_choice_without_quorum_is_not_posted) {
    found(3, 2);
    choose([](const auto&) -> Choice { return std::optional(std::vector<std::uint32_t>{0}); });
    all_sign(0);
    pass(seconds(60));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_THAT(callbacks().back(), ::testing::HasSubstr("Selection: Insufficient Quorum"));
}

TEST_F(QuorumTest, a_thousand_open_queues_are_looked_after) {
    found(2, 2);
    constexpr std::uint32_t kQueues = 1'000;
    for (std::uint32_t event = 0; event < kQueues; ++event) {
        sign_event(*operators_[0], event);
    }
    pass(seconds(10));
    EXPECT_EQ(operators_[0]->aggregator->open_queues(), kQueues);
    sign_event(*operators_[1], kQueues - 1);
    pass(seconds(5));
    EXPECT_TRUE(chain_.has(id_of(*operators_[0], kQueues - 1)));
}

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
