// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/aggregator.hpp"

#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/types/event_id.hpp"

#include <gmock/gmock.h>

#include <deque>

namespace wavs::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

types::ChainKey chain() { return types::ChainKey::parse("evm:1").value(); }

class FakeComponents final : public ComponentRunner {
public:
    async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        Input /*input*/) override {
        ++processed;
        co_return actions;
    }
    async::Task<base::Result<std::vector<types::AggregatorAction>>> timer_callback(
        Input /*input*/) override {
        co_return after_timer;
    }
    async::Task<base::Result<void>> submit_callback(Input /*input*/, SubmitResult result) override {
        const auto* hash = std::get_if<types::TxHash>(&result);
        callbacks.push_back(hash != nullptr ? "ok" : std::get<std::string>(result));
        co_return base::ok();
    }

    int processed = 0;
    std::vector<types::AggregatorAction> actions{
        types::SubmitAction{types::EvmSubmitAction{chain(), {}, {}}}};
    std::vector<types::AggregatorAction> after_timer = actions;
    std::vector<std::string> callbacks;
};

class FakeTarget final : public Target {
public:
    async::Task<base::Result<QuorumCheck>> check(
        types::SubmitAction /*action*/, types::Envelope /*envelope*/,
        std::vector<types::QueueSignature> signatures) override {
        EXPECT_EQ(signatures.size(), 1U);
        if (checks.empty()) {
            co_return QuorumCheck{QuorumCheck::State::Reached, {}};
        }
        auto next = std::move(checks.front());
        checks.pop_front();
        co_return next;
    }
    async::Task<base::Result<Posted>> post(PostRequest request) override {
        ++posts;
        types::TxHash hash = types::EvmTxHash{};
        WAVS_CO_TRY(co_await request.before_send(hash));
        if (!outcomes.empty()) {
            auto next = std::move(outcomes.front());
            outcomes.pop_front();
            co_return next;
        }
        co_return Posted{Posted::State::Mined, hash, {}};
    }
    async::Task<base::Result<std::optional<bool>>> outcome(types::TxHash /*hash*/) override {
        co_return mined;
    }

    std::deque<QuorumCheck> checks;
    std::deque<base::Result<Posted>> outcomes;
    std::optional<bool> mined;
    int posts = 0;
};

class AggregatorTest : public ::testing::Test {
protected:
    AggregatorTest() {
        auto service = std::make_shared<types::RegisteredService>();
        service->service.manager = types::EvmManager{chain(), {}};
        service->service.workflows[types::WorkflowId()].submit = types::SubmitAggregator{};
        service->id = service->service.id();
        service_ = service;
        build();
    }

    void build() {
        aggregator_ = std::make_unique<Aggregator>(
            AggregatorDeps{store_, components_,
                           [this](types::SubmitAction /*action*/) { return find_target(target_); },
                           [this](const types::ServiceId& id) {
                               return service_ && service_->id == id ? service_ : nullptr;
                           },
                           clock_, timers_, metrics_},
            AggregatorOptions{.followed_per_service = 3}, context_.get_executor());
    }
    static async::Task<base::Result<std::shared_ptr<Target>>> find_target(
        std::shared_ptr<FakeTarget> target) {
        if (!target) {
            co_return base::Error(base::ErrorKind::Unavailable, "no_target",
                                  "Chain Config: no chain");
        }
        co_return std::shared_ptr<Target>(std::move(target));
    }
    types::ResultRecord result(std::uint8_t input = 1) {
        types::ResultRecord out;
        out.event_sequence = input;
        out.submission.trigger_action = {
            {service_->id, types::WorkflowId(), types::ManualTrigger{}}, types::RawData{{input}}};
        out.submission.event_id = types::default_event_id(out.submission.trigger_action);
        out.submission.envelope = types::make_envelope(out.submission.event_id, {});
        return out;
    }
    void submit(types::ResultRecord record) {
        aggregator_->submit(std::move(record));
        settle();
    }
    void settle() {
        context_.restart();
        context_.poll();
    }
    void pass(std::chrono::seconds time) {
        timers_.advance(time);
        settle();
    }
    types::ResultRecord stored(std::uint8_t input = 1) {
        const auto bytes =
            store_.get(storage::Keyspace::Results, types::result_key(input, 0)).value();
        return types::decode_result_record(bytes.value()).value();
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
    storage::MemoryStore store_;
    FakeComponents components_;
    std::shared_ptr<FakeTarget> target_ = std::make_shared<FakeTarget>();
    types::RegisteredServicePtr service_;
    std::unique_ptr<Aggregator> aggregator_;
};

TEST_F(AggregatorTest, quorum_at_once_posts_and_burns) {
    submit(result());
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    EXPECT_TRUE(stored().tx_hash.has_value());
    EXPECT_THAT(components_.callbacks, ElementsAre("ok"));
}

TEST_F(AggregatorTest, waiting_is_told_once_and_tried_again_by_timer) {
    target_->checks = {{QuorumCheck::State::Waiting, "Insufficient Quorum: x"},
                       {QuorumCheck::State::Waiting, "Insufficient Quorum: x"}};
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Collecting);
    pass(std::chrono::seconds(5));
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(10));
    EXPECT_EQ(target_->posts, 1);
    EXPECT_THAT(components_.callbacks, ElementsAre("Insufficient Quorum: x", "ok"));
}

TEST_F(AggregatorTest, results_beyond_the_share_of_a_service_wait_on_disk_for_their_turn) {
    target_->checks.assign(3, {QuorumCheck::State::Waiting, "Insufficient Quorum: x"});
    for (std::uint8_t input = 1; input <= 5; ++input) {
        auto record = result(input);
        storage::Batch batch;
        batch.put(storage::Keyspace::Results, types::result_key(input, 0), types::encode(record));
        ASSERT_TRUE(async::testing::run(context_, store_.commit(std::move(batch))).has_value());
        submit(std::move(record));
    }
    EXPECT_EQ(components_.processed, 3);
    pass(std::chrono::seconds(5));
    EXPECT_EQ(components_.processed, 5);
    EXPECT_EQ(target_->posts, 5);
    EXPECT_EQ(stored(5).state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_result_of_before_the_start_is_read_when_its_turn_comes) {
    storage::Batch batch;
    batch.put(storage::Keyspace::Results, types::result_key(1, 0), types::encode(result(1)));
    ASSERT_TRUE(async::testing::run(context_, store_.commit(std::move(batch))).has_value());
    aggregator_->resume(service_->id, 1, 0);
    aggregator_->resume(service_->id, 2, 0);  // gone
    settle();
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_result_that_was_posted_is_not_posted_again) {
    submit(result());
    build();
    submit(result());
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(components_.callbacks.size(), 1U);
}

TEST_F(AggregatorTest, a_transaction_sent_before_a_restart_is_looked_for_first) {
    target_->outcomes.push_back(
        base::Error(base::ErrorKind::Unavailable, "gone", "EVM client: gone"));
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Submitting);
    target_->mined = true;
    pass(std::chrono::seconds(5));
    EXPECT_EQ(target_->posts, 1) << "it was mined after all";
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_handler_that_refuses_three_times_ends_it) {
    const Posted refused{Posted::State::HandlerRefused, std::nullopt,
                         "EVM client: No Transaction Receipt: x"};
    target_->outcomes = {refused, refused, refused};
    submit(result());
    pass(std::chrono::seconds(5));
    pass(std::chrono::seconds(10));
    EXPECT_EQ(stored().state, types::ResultState::Superseded);
    EXPECT_THAT(components_.callbacks, ElementsAre(HasSubstr("No Transaction Receipt")));
    pass(std::chrono::seconds(600));
    EXPECT_EQ(target_->posts, 3);
}

TEST_F(AggregatorTest, a_refused_set_is_given_up_with_the_reason) {
    target_->checks = {
        {QuorumCheck::State::Refused, "Service manager validate(): InvalidSignatureOrder"}};
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Failed);
    EXPECT_THAT(stored().reason, HasSubstr("InvalidSignatureOrder"));
}

TEST_F(AggregatorTest, without_a_chain_the_signature_is_kept_and_the_component_told) {
    auto later = target_;
    target_.reset();
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Collecting);
    EXPECT_THAT(components_.callbacks, ElementsAre("Chain Config: no chain"));
    target_ = later;
    pass(std::chrono::seconds(5));
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, an_open_queue_expires) {
    target_->checks.assign(10'000, {QuorumCheck::State::Waiting, "not yet"});
    submit(result());
    for (int i = 0; i < 700 && stored().state == types::ResultState::Collecting; ++i) {
        pass(std::chrono::seconds(300));
    }
    EXPECT_EQ(stored().state, types::ResultState::Expired);
}

TEST_F(AggregatorTest, a_timer_action_delays_and_asks_again) {
    components_.actions = {types::TimerAction{3}};
    submit(result());
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(2));
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(1));
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(AggregatorTest, gas_price_is_no_part_of_the_queue) {
    submit(result());
    components_.actions = {types::SubmitAction{types::EvmSubmitAction{chain(), {}, 7}}};
    build();
    submit(result());
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(AggregatorTest, old_queues_are_erased_and_open_ones_stay) {
    submit(result(1));
    target_->checks.assign(100, {QuorumCheck::State::Waiting, "not yet"});
    submit(result(2));
    Queues queues(store_, clock_);
    auto now = clock_.wall_now();
    now.nanos += 1;
    EXPECT_EQ(async::testing::run(context_, queues.clean_up(now)).value(), 1U);
    const auto action = std::get<types::SubmitAction>(components_.actions[0]);
    EXPECT_TRUE(
        queues.load(result(2).submission.event_id, types::target_of(action)).value().has_value());
    EXPECT_FALSE(
        queues.load(result(1).submission.event_id, types::target_of(action)).value().has_value());
}

}  // namespace
}  // namespace wavs::aggregator
