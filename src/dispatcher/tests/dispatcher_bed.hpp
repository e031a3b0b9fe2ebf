// SPDX-License-Identifier: Apache-2.0
#pragma once

// A dispatcher with fakes on every port, for the tests of this folder.

#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/dispatcher/dispatcher.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/storage/schema.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/types/event_id.hpp"

#include <gmock/gmock.h>

#include <deque>

namespace wavs::dispatcher {

inline base::Error unavailable(std::string what) {
    return {base::ErrorKind::Unavailable, "gone", std::move(what)};
}

/// Every port, scripted; remembers what it was asked.
class FakeNode final : public EnginePort,
                       public SubmissionPort,
                       public AggregatorPort,
                       public TriggerPort,
                       public SourcesPort,
                       public ManagerPort {
public:
    async::Task<base::Result<void>> prepare(types::RegisteredServicePtr service) override {
        ++prepared;
        if (prepare_error) {
            co_return *prepare_error;
        }
        last_prepared = service->digest;
        co_return base::ok();
    }
    void release(types::RegisteredServicePtr /*service*/) override { ++released; }
    async::Flow<base::Result<std::vector<types::WasmResponse>>> run(types::EventJob job,
                                                                    std::stop_token stop) override {
        runs.push_back(job.service->digest);
        if (hold) {
            (void)co_await async::suspend<int>(
                [&](async::Completion<int> done) { held.push_back(std::move(done)); });
        }
        if (hang) {
            std::optional<async::Completion<int>> interrupted;
            const std::stop_callback on_stop(
                stop, [&] { interrupted->set(async::cancelled_error("run")); });
            const auto ended = co_await async::suspend<int>(
                [&](async::Completion<int> done) { interrupted.emplace(std::move(done)); });
            co_return ended.error();
        }
        if (!run_errors.empty()) {
            auto error = std::move(run_errors.front());
            run_errors.pop_front();
            co_return error;
        }
        co_return std::vector<types::WasmResponse>{{.payload = {7}}};
    }
    async::Task<base::Result<types::EvmAddress>> address(std::uint32_t hd_index) override {
        types::EvmAddress out;
        out.array().fill(static_cast<std::uint8_t>(hd_index + key_shift));
        co_return out;
    }
    base::Result<bool> knows(const types::EvmAddress& /*signer*/) const override {
        return ledger_known;
    }
    types::SignerState state(const types::EvmAddress& signer) const override {
        const auto found = signer_states.find(signer);
        return found == signer_states.end() ? types::SignerState::On : found->second;
    }
    storage::Batch set_state(const types::EvmAddress& signer, types::SignerState state) override {
        signer_states[signer] = state;
        return {};
    }
    async::Task<base::Result<bool>> counts(types::ServiceManager /*manager*/,
                                           types::EvmAddress /*signer*/) override {
        ++count_reads;
        if (counts_error) {
            co_return *counts_error;
        }
        co_return counted;
    }
    async::Flow<base::Result<SignedRun>> sign(types::EventJob job,
                                              types::RegisteredServicePtr /*current*/,
                                              std::vector<types::WasmResponse> responses) override {
        ++signed_jobs;
        SignedRun out;
        for (const auto& response : responses) {
            types::ResultRecord record;
            record.event_sequence = job.event->sequence;
            record.submission.trigger_action = job.event->action;
            record.submission.operator_response = response;
            record.submission.event_id = types::event_id_of(job.event->action, response);
            out.results.push_back(std::move(record));
        }
        co_return std::move(out);
    }
    void watch(types::RegisteredServicePtr service) override { exchanged.push_back(service->id); }
    void submit(types::ResultRecord result) override { submitted.push_back(std::move(result)); }
    void resume(const types::ServiceId& service, std::uint64_t event_sequence,
                std::uint32_t response_index) override {
        resumed_results.emplace_back(service, event_sequence, response_index);
    }
    storage::Batch forget(const types::ServiceId& /*service*/) override { return {}; }
    async::Task<std::map<types::ServiceId, base::Error>> set_services(
        std::vector<types::RegisteredServicePtr> services) override {
        ++set_calls;
        for (const auto& service : services) {
            watched[service->id] = service->digest;
        }
        co_return hindered;
    }
    void resume(const types::ServiceId& /*service*/, types::ChainPosition at) override {
        resumed.push_back(at);
    }
    bool has_read(const types::ChainKey& /*chain*/, std::uint64_t /*block*/) const override {
        return all_read;
    }
    async::Task<void> remove_service(types::ServiceId service) override {
        watched.erase(service);
        co_return;
    }
    async::Task<base::Result<types::ParsedManifest>> manifest(std::string from) override {
        const auto found = manifests.find(from);
        if (found == manifests.end()) {
            co_return base::Error(base::ErrorKind::Unavailable, "fetch_failed",
                                  "no manifest at " + from);
        }
        co_return types::ParsedManifest{found->second, {}};
    }
    async::Task<base::Result<void>> component(types::ComponentSource /*source*/) override {
        ++components;
        if (component_error) {
            co_return *component_error;
        }
        co_return base::ok();
    }
    async::Task<base::Result<ServiceUri>> service_uri(types::ServiceManager /*manager*/) override {
        ++uri_reads;
        if (uri_error) {
            co_return *uri_error;
        }
        co_return ServiceUri{uri, uri_block};
    }

    /// Lets the run that waits longest go on.
    void let_go() {
        auto done = std::move(held.front());
        held.pop_front();
        done.set(0);
    }

    bool hang = false;
    bool hold = false;
    std::deque<async::Completion<int>> held;
    int signed_jobs = 0;
    int prepared = 0;
    int released = 0;
    int components = 0;
    std::uint32_t key_shift = 0;
    std::optional<base::Error> prepare_error;
    std::optional<base::Error> component_error;
    std::deque<base::Error> run_errors;
    std::vector<types::ServiceDigest> runs;
    types::ServiceDigest last_prepared;
    std::vector<types::ServiceId> exchanged;
    std::vector<types::ResultRecord> submitted;
    std::vector<std::tuple<types::ServiceId, std::uint64_t, std::uint32_t>> resumed_results;
    std::map<types::ServiceId, types::ServiceDigest> watched;
    std::map<std::string, types::Service> manifests;
    std::string uri = "http://m/1";
    std::uint64_t uri_block = 3;
    int uri_reads = 0;
    std::optional<base::Error> uri_error;
    bool ledger_known = false;
    std::map<types::EvmAddress, types::SignerState> signer_states;
    bool counted = false;
    int count_reads = 0;
    std::optional<base::Error> counts_error;
    int set_calls = 0;
    bool all_read = true;
    std::vector<types::ChainPosition> resumed;
    std::map<types::ServiceId, base::Error> hindered;
};

class DispatcherTest : public ::testing::Test {
protected:
    DispatcherTest() { build(); }
    ~DispatcherTest() override { stop(); }

    void stop() {
        if (!dispatcher_) {
            return;
        }
        for (auto& names : {run(group_->stop(timers_, std::chrono::seconds(1))),
                            run(dispatcher_->stop(std::chrono::seconds(1))),
                            run(services_->stop(std::chrono::seconds(1)))}) {
            EXPECT_TRUE(names.empty());
        }
        dispatcher_.reset();
        services_.reset();
    }

    void build() {
        stop();
        group_ = std::make_unique<async::TaskGroup>(context_.get_executor(), "test");
        journal_ = std::make_unique<Journal>(store_, clock_);
        services_ = std::make_unique<Services>(
            ServicesDeps{store_, *journal_, node_, node_, node_, node_, node_, node_, clock_,
                         timers_, random_, metrics_},
            services_options_, context_.get_executor());
        dispatcher_ = std::make_unique<Dispatcher>(
            DispatcherDeps{*services_, *journal_, node_, node_, node_, batches_, disk_, clock_,
                           timers_, random_, metrics_},
            DispatcherOptions{.max_running = 4,
                              .max_running_per_service = 3,
                              .storing_per_running = 2,
                              .queue_capacity = 100,
                              .max_attempts = 2,
                              .ordered = ordered_},
            context_.get_executor());
        EXPECT_TRUE(run(journal_->open()).has_value());
    }
    void start() {
        ASSERT_TRUE(run(services_->load()).has_value());
        EXPECT_EQ(log_.count("a stored service is not running"), 0U)
            << ::testing::PrintToString(log_.lines());
        ASSERT_TRUE(run(dispatcher_->start(crashed_)).has_value());
        group_->spawn("batches", loop(dispatcher_->run_batches()));
        settle();
    }
    static async::Task<void> loop(async::Task<base::Result<void>> task) {
        (void)co_await std::move(task);
    }

    template <typename T>
    T run(async::Task<T> task) {
        return async::testing::run(context_, std::move(task));
    }
    template <typename T>
    T run(async::Flow<T> flow) {
        return run(async::as_task(std::move(flow)));
    }
    void settle() {
        context_.restart();
        context_.poll();
    }

    types::Service manifest(std::string name = "demo") {
        types::Service out;
        out.name = std::move(name);
        out.manager = manager_;
        auto& workflow = out.workflows[types::WorkflowId()];
        workflow.trigger = types::ManualTrigger{};
        workflow.component.source = types::DigestSource{};
        return out;
    }
    /// Asks for more than `manifest()`.
    types::Service asking(std::string host, std::string name = "asking") {
        auto out = manifest(std::move(name));
        out.workflows[types::WorkflowId()].component.permissions.allowed_http_hosts =
            types::OnlyHosts{{std::move(host)}};
        return out;
    }
    void register_service() {
        node_.manifests["http://m/1"] = manifest();
        const auto added = run(services_->add(manager_, std::nullopt));
        ASSERT_TRUE(added.has_value()) << added.error().full_text();
    }
    types::TriggerAction action(std::uint8_t input) {
        return {{manifest().id(), types::WorkflowId(), types::ManualTrigger{}},
                types::RawData{{input}}};
    }
    void deliver(std::vector<types::TriggerAction> actions) {
        types::TriggerBatch batch;
        batch.source = "evm:1";
        for (auto& action : actions) {
            auto service = services_->find(action.config.service_id);
            batch.events.push_back({std::move(service), std::move(action)});
        }
        batch.positions.push_back({base::to_bytes("evm/evm:1"), {1}});
        ASSERT_TRUE(batches_.try_send(std::move(batch)).has_value());
        settle();
    }
    /// As after a crash between accepting an event and running it.
    void accept_only(const types::TriggerAction& action) {
        const auto service = services_->find(action.config.service_id);
        ASSERT_TRUE(
            run(journal_->accept({{&action, service ? service->digest : types::ServiceDigest()}},
                                 "evm:1", {}, Journal::Repeats::DropKnown))
                .has_value());
    }
    types::EventRecord event(std::uint64_t sequence) {
        return journal_->event(sequence).value().value();
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    base::SeededRandom random_{1};
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
    storage::MemoryStore store_;
    storage::DiskSpace disk_{".", 0};
    ServicesOptions services_options_;
    std::set<std::pair<types::ServiceId, types::WorkflowId>> ordered_;
    void order_workflow() {
        ordered_ = {{manifest().id(), types::WorkflowId()}};
        build();
    }
    std::vector<int> submitted_inputs() {
        std::vector<int> out;
        for (const auto& result : node_.submitted) {
            const auto& data = result.submission.trigger_action.data;
            out.push_back(std::get<types::RawData>(data).data.at(0));
        }
        return out;
    }
    storage::DiskSpace& full_disk() {
        disk_.set_watermark(UINT64_MAX);
        return disk_;
    }
    FakeNode node_;
    std::vector<types::EventId> crashed_;  // what ran when the process ended
    types::ServiceManager manager_ = types::EvmManager{types::ChainKey::parse("evm:1").value(), {}};
    async::Channel<types::TriggerBatch> batches_{context_.get_executor(), "batches", 10};
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::unique_ptr<async::TaskGroup> group_;
};

}  // namespace wavs::dispatcher
