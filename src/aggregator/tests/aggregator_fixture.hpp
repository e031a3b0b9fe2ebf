// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "choosing_components.hpp"
#include "wavs/aggregator/aggregator.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/types/event_id.hpp"

#include <gmock/gmock.h>

#include <deque>
#include <functional>
#include <set>

namespace wavs::aggregator::testing {

inline types::ChainKey chain() { return types::ChainKey::parse("evm:1").value(); }
inline types::ChainKey other_chain() { return types::ChainKey::parse("evm:2").value(); }

class FakeComponents final : public ChoosingComponents {
public:
    async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        Input /*input*/) override {
        ++processed;
        if (!process_faults.empty()) {
            auto fault = process_faults.front();
            process_faults.pop_front();
            co_return fault;
        }
        co_return actions;
    }
    async::Task<base::Result<std::vector<types::AggregatorAction>>> timer_callback(
        Input /*input*/) override {
        ++timers;
        if (!timer_faults.empty()) {
            auto fault = timer_faults.front();
            timer_faults.pop_front();
            co_return fault;
        }
        co_return after_timer;
    }

    int processed = 0;
    int timers = 0;
    std::deque<base::Error> process_faults;
    std::deque<base::Error> timer_faults;
    std::vector<types::AggregatorAction> actions{
        types::SubmitAction{types::EvmSubmitAction{chain(), {}, {}}}};
    std::vector<types::AggregatorAction> after_timer = actions;
};

class FakeTarget final : public Target {
public:
    async::Task<base::Result<QuorumCheck>> check(CheckRequest request) override {
        EXPECT_EQ(request.signatures.size(), 1U);
        EXPECT_TRUE(request.service);
        if (on_check) {
            on_check();
        }
        if (checks.empty()) {
            co_return QuorumCheck{QuorumCheck::State::Reached, {}};
        }
        auto next = std::move(checks.front());
        checks.pop_front();
        co_return next;
    }
    async::Task<base::Result<Posted>> post(PostRequest request) override {
        ++posts;
        max_gas = request.max_gas;
        payer = request.service;
        if (refusal) {
            co_return *refusal;
        }
        // A handler that refuses is found out before there is a transaction.
        if (!outcomes.empty() && outcomes.front().has_value()) {
            auto next = std::move(outcomes.front());
            outcomes.pop_front();
            co_return next;
        }
        types::TxHash hash = types::EvmTxHash{};
        WAVS_CO_TRY(co_await store->commit(request.on_signed(hash)));
        on_its_way.insert(request.reference);
        if (!outcomes.empty()) {
            auto next = std::move(outcomes.front());
            outcomes.pop_front();
            co_return next;
        }
        on_its_way.erase(request.reference);
        co_return mined(hash);
    }
    async::Task<base::Result<std::optional<Posted>>> resume(base::Bytes reference,
                                                            OnSigned /*on_signed*/) override {
        ++resumes;
        if (!on_its_way.contains(reference)) {
            co_return std::optional<Posted>();
        }
        if (!in_block) {
            co_return base::Error(base::ErrorKind::Timeout, "tx_stuck", "EVM client: no receipt");
        }
        on_its_way.erase(reference);
        co_return std::optional(mined(types::EvmTxHash{}));
    }
    async::Task<base::Result<std::optional<PostedElsewhere>>> find_posted(
        types::SubmitAction /*action*/, types::EventId /*event*/,
        std::uint64_t /*from_block*/) override {
        co_return std::optional<PostedElsewhere>();
    }
    async::Task<base::Result<std::vector<std::string>>> weights(
        types::SubmitAction /*action*/, std::vector<types::EvmAddress> signers,
        std::uint32_t /*reference_block*/) override {
        co_return std::vector<std::string>(signers.size(), "1");
    }
    async::Task<base::Result<std::uint64_t>> head() override { co_return 0U; }
    async::Task<base::Result<BlockCount>> blocks_after(std::uint64_t /*block*/) override {
        co_return BlockCount();
    }
    async::Task<base::Result<std::uint64_t>> block_at(types::Timestamp /*time*/) override {
        co_return 0U;
    }
    static Posted mined(types::TxHash hash) {
        Posted out{Posted::State::Mined, hash};
        out.settled.put(storage::Keyspace::Meta, base::as_bytes("settled"), {});
        return out;
    }

    storage::Store* store = nullptr;
    std::set<base::Bytes> on_its_way;
    std::function<void()> on_check;
    std::deque<QuorumCheck> checks;
    std::deque<base::Result<Posted>> outcomes;
    std::optional<base::Error> refusal;
    std::optional<std::uint64_t> max_gas;
    std::optional<types::ServiceId> payer;
    bool in_block = false;
    int posts = 0;
    int resumes = 0;
};

class AggregatorTest : public ::testing::Test {
protected:
    AggregatorTest() {
        auto service = std::make_shared<types::RegisteredService>();
        service->service.manager = types::EvmManager{chain(), {}};
        service->service.workflows[types::WorkflowId()].submit = types::SubmitAggregator{};
        service->id = service->service.id();
        service_ = service;
        auto second = std::make_shared<types::RegisteredService>(*service);
        second->service.manager = types::EvmManager{other_chain(), {}};
        second->id = second->service.id();
        second_ = second;
        target_->store = &store_;
        build();
    }

    void build() {
        aggregator_ = std::make_unique<Aggregator>(
            AggregatorDeps{store_, components_,
                           [this](const types::SubmitAction& action) {
                               const bool gone = gone_.contains(types::chain_of(action));
                               return find_target(gone ? nullptr : target_);
                           },
                           [this](const types::ServiceId& id) {
                               return id == service_->id ? service_
                                                         : (id == second_->id ? second_ : nullptr);
                           },
                           clock_, timers_, metrics_},
            options_, context_.get_executor());
    }
    static async::Task<base::Result<std::shared_ptr<Target>>> find_target(
        std::shared_ptr<FakeTarget> target) {
        if (!target) {
            co_return base::Error(base::ErrorKind::Unavailable, "no_target",
                                  "Chain Config: no chain");
        }
        co_return std::shared_ptr<Target>(std::move(target));
    }
    types::ResultRecord result(std::uint8_t input = 1) { return result_of(service_, input); }
    static types::ResultRecord result_of(const types::RegisteredServicePtr& service,
                                         std::uint8_t input) {
        types::ResultRecord out;
        out.event_sequence = input;
        out.submission.trigger_action = {{service->id, types::WorkflowId(), types::ManualTrigger{}},
                                         types::RawData{{input}}};
        out.submission.event_id = types::default_event_id(out.submission.trigger_action);
        out.submission.envelope = types::make_envelope(out.submission.event_id, {});
        return out;
    }
    // As the dispatcher does: stored, then handed over.
    void submit(types::ResultRecord record) {
        storage::Batch batch;
        put(batch, record);
        ASSERT_TRUE(async::testing::run(context_, store_.commit(std::move(batch))).has_value());
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
    types::RegisteredServicePtr second_;
    std::set<types::ChainKey> gone_;
    AggregatorOptions options_{.followed_per_service = 3};
    std::unique_ptr<Aggregator> aggregator_;
};

}  // namespace wavs::aggregator::testing
