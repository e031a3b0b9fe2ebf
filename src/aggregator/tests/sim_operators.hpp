// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "choosing_components.hpp"
#include "sim_chain.hpp"
#include "sim_network.hpp"
#include "wavs/aggregator/aggregator.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/types/event_id.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::aggregator::testing {

/// The aggregator component of a simulated operator: one destination.
class SimComponents final : public ChoosingComponents {
public:
    async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        Input /*input*/) override {
        ++processed;
        co_return std::vector<types::AggregatorAction>{types::SubmitAction{
            types::EvmSubmitAction{types::ChainKey::parse("evm:1").value(), {}, gas_price}}};
    }
    async::Task<base::Result<std::vector<types::AggregatorAction>>> timer_callback(
        Input /*input*/) override {
        co_return std::vector<types::AggregatorAction>();
    }

    int processed = 0;
    std::optional<unsigned __int128> gas_price;
};

/// Operators of one service with real signatures, on virtual time: a chain, a network, and per
/// operator what the node has from the signed result on.
class Operators : public ::testing::Test {
protected:
    struct Operator {
        std::string name;
        std::unique_ptr<crypto::SecretKey> key;
        types::EvmAddress signer;
        types::RegisteredServicePtr service;
        storage::MemoryStore store;
        SimComponents components;
        telemetry::Metrics metrics;
        SimTarget::OnItsWay on_its_way;
        std::shared_ptr<SimTarget> target;
        std::unique_ptr<p2p::Network> network;
        std::unique_ptr<SignerRegistry> registry;
        std::unique_ptr<Exchange> exchange;
        std::unique_ptr<Aggregator> aggregator;
        std::unique_ptr<async::TaskGroup> loops;
        std::uint64_t next_sequence = 1;
    };

    explicit Operators(std::uint64_t seed = 1) : random_(seed) {}
    void TearDown() override {
        for (auto& one : operators_) {
            if (is_up(*one)) {
                kill(*one);
            }
        }
    }

    /// `count` operators, of which `threshold` are enough; all of weight 1.
    void found(std::size_t count, unsigned threshold) {
        chain_.threshold = threshold;
        for (std::size_t i = 0; i < count; ++i) {
            operators_.push_back(std::make_unique<Operator>());
            auto& one = *operators_.back();
            one.name = "node" + std::to_string(i);
            base::Bytes bytes(32, static_cast<std::uint8_t>(i + 1));
            one.key = std::make_unique<crypto::SecretKey>(
                std::move(crypto::SecretKey::from_bytes(bytes).value()));
            one.signer = crypto::address_of(crypto::public_key_of(*one.key));
            chain_.weights[one.signer] = 1;
            auto service = std::make_shared<types::RegisteredService>();
            service->service.manager =
                types::EvmManager{types::ChainKey::parse("evm:1").value(), {}};
            types::SubmitAggregator submit;
            submit.signature_kind = types::kEvmSignatureKind;
            service->service.workflows[types::WorkflowId()].submit = submit;
            service->service.workflows[types::WorkflowId()].trigger = types::ManualTrigger{};
            service->id = service->service.id();
            service->signer = one.signer;
            one.service = service;
            start(one);
        }
        settle();
    }
    void start(Operator& one) {
        one.target =
            std::make_shared<SimTarget>(chain_, timers_, one.store, one.on_its_way, one.name);
        one.network = hub_.join(one.name);
        one.registry = std::make_unique<SignerRegistry>(
            [this](types::ServiceManager, types::EvmAddress signer) { return counts(signer); },
            clock_);
        one.exchange = std::make_unique<Exchange>(
            ExchangeDeps{*one.network, one.store, *one.registry, clock_, timers_, one.metrics},
            exchange_options_, context_.get_executor());
        one.aggregator = std::make_unique<Aggregator>(
            AggregatorDeps{one.store, one.components,
                           [&one](const types::SubmitAction&) { return find(one.target); },
                           [&one](const types::ServiceId&) { return one.service; }, clock_, timers_,
                           one.metrics, one.exchange.get()},
            options_, context_.get_executor());
        ASSERT_TRUE(one.aggregator->open().has_value());
        one.loops = std::make_unique<async::TaskGroup>(context_.get_executor(), one.name);
        one.loops->spawn("events", ignore(one.exchange->run_events()));
        one.loops->spawn("rounds", ignore(one.exchange->run_rounds()));
        one.aggregator->watch(one.service);
    }
    /// What is not in the store is gone.
    void kill(Operator& one) {
        constexpr auto kDeadline = std::chrono::seconds(1);
        one.network->stop();
        ASSERT_THAT(async::testing::run(context_, one.loops->stop(timers_, kDeadline)),
                    ::testing::IsEmpty());
        ASSERT_THAT(async::testing::run(context_, one.exchange->stop(kDeadline)),
                    ::testing::IsEmpty());
        ASSERT_THAT(async::testing::run(context_, one.aggregator->stop(kDeadline)),
                    ::testing::IsEmpty());
        one.loops.reset();
        one.aggregator.reset();
        one.exchange.reset();
        settle();
        one.network.reset();
    }
    /// Killed before: with what the store has, as the node's journal would.
    void restart(Operator& one) {
        start(one);
        const auto results = one.store.scan(storage::Keyspace::Results, {}).value();
        for (const auto& entry : results) {
            const auto result = types::decode_result_record(entry.value).value();
            if (types::is_open(result.state)) {
                one.aggregator->resume(one.service->id, result.event_sequence,
                                       result.response_index);
            }
        }
        settle();
    }
    static async::Task<base::Result<std::shared_ptr<Target>>> find(
        std::shared_ptr<SimTarget> target) {
        co_return std::shared_ptr<Target>(std::move(target));
    }
    static async::Task<void> ignore(async::Task<base::Result<void>> task) {
        (void)co_await std::move(task);
    }
    async::Task<base::Result<types::SignerCounts>> counts(types::EvmAddress signer) {
        co_return chain_.weights.contains(signer) ? types::SignerCounts::Yes
                                                  : types::SignerCounts::No;
    }

    static types::TriggerAction action_of(const Operator& one, std::uint32_t event) {
        return {{one.service->id, types::WorkflowId(), types::ManualTrigger{}},
                types::RawData{
                    {static_cast<std::uint8_t>(event >> 8), static_cast<std::uint8_t>(event)}}};
    }
    static types::EventId id_of(const Operator& one, std::uint32_t event) {
        return types::default_event_id(action_of(one, event));
    }
    static types::Submission signed_by(const Operator& one, std::uint32_t event,
                                       base::Bytes payload = {1, 2, 3}) {
        types::Submission out;
        out.trigger_action = action_of(one, event);
        out.operator_response.payload = std::move(payload);
        out.event_id = types::event_id_of(out.trigger_action, out.operator_response);
        out.envelope = types::make_envelope(out.event_id, out.operator_response);
        sign(out, *one.key);
        return out;
    }
    static void sign(types::Submission& submission, const crypto::SecretKey& key) {
        submission.envelope_signature.kind = types::kEvmSignatureKind;
        const auto signature = crypto::sign_recoverable(
            types::signing_hash(submission.envelope, types::kEvmSignatureKind), key);
        submission.envelope_signature.data = base::to_bytes(signature.view());
    }
    /// The operator has run its component and signed what it said.
    void sign_event(Operator& one, std::uint32_t event, base::Bytes payload = {1, 2, 3}) {
        types::ResultRecord result;
        result.event_sequence = one.next_sequence++;
        result.submission = signed_by(one, event, std::move(payload));
        result.signer = one.signer;
        result.created_at = clock_.wall_now();
        storage::Batch batch;
        put(batch, result);
        ASSERT_TRUE(one.store.write_unsynced(batch).has_value());
        one.aggregator->submit(std::move(result));
    }
    void settle() {
        context_.restart();
        context_.poll();
    }
    /// Time goes by in small steps, with a block every so often.
    void pass(base::Duration time, base::Duration block_time = std::chrono::seconds(1)) {
        constexpr auto kStep = std::chrono::milliseconds(10);
        for (base::Duration gone{0}; gone < time; gone += kStep) {
            timers_.advance(kStep);
            settle();
            since_block_ += kStep;
            if (since_block_ >= block_time) {
                since_block_ = base::Duration(0);
                chain_.mine();
            }
        }
    }
    static bool is_up(const Operator& one) { return one.aggregator != nullptr; }
    static std::optional<types::ResultState> state_of(const Operator& one, std::uint64_t sequence) {
        const auto stored =
            one.store.get(storage::Keyspace::Results, types::result_key(sequence, 0)).value();
        if (!stored) {
            return std::nullopt;
        }
        return types::decode_result_record(*stored).value().state;
    }

    base::SeededRandom random_;
    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    telemetry::testing::CapturedLog log_;
    SimChain chain_;
    SimHub hub_{timers_, random_, context_.get_executor()};
    AggregatorOptions options_;
    ExchangeOptions exchange_options_;
    std::vector<std::unique_ptr<Operator>> operators_;
    base::Duration since_block_{0};
};

}  // namespace wavs::aggregator::testing
