// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/dispatcher.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/types/event_id.hpp"

#include <gmock/gmock.h>

#include <deque>

namespace wavs::dispatcher {
namespace {

using ::testing::HasSubstr;

base::Error unavailable(std::string what) {
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
    async::Task<base::Result<std::vector<types::WasmResponse>>> run(types::EventJob job) override {
        runs.push_back(job.service->digest);
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
    async::Task<base::Result<SignedRun>> sign(types::EventJob job,
                                              types::RegisteredServicePtr /*current*/,
                                              std::vector<types::WasmResponse> responses) override {
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
    async::Task<base::Result<void>> submit(types::ResultRecord result) override {
        submitted.push_back(std::move(result));
        co_return base::ok();
    }
    storage::Batch forget(const types::ServiceId& /*service*/) override { return {}; }
    async::Task<base::Result<void>> set_service(types::RegisteredServicePtr service) override {
        watched[service->id] = service->digest;
        co_return base::ok();
    }
    async::Task<void> remove_service(types::ServiceId service) override {
        watched.erase(service);
        co_return;
    }
    async::Task<base::Result<types::ParsedManifest>> manifest(std::string from) override {
        const auto found = manifests.find(from);
        if (found == manifests.end()) {
            co_return unavailable("no manifest at " + from);
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
    async::Task<base::Result<std::string>> service_uri(types::ServiceManager /*manager*/) override {
        co_return uri;
    }

    int prepared = 0;
    int released = 0;
    int components = 0;
    std::uint32_t key_shift = 0;
    std::optional<base::Error> prepare_error;
    std::optional<base::Error> component_error;
    std::deque<base::Error> run_errors;
    std::vector<types::ServiceDigest> runs;
    types::ServiceDigest last_prepared;
    std::vector<types::ResultRecord> submitted;
    std::map<types::ServiceId, types::ServiceDigest> watched;
    std::map<std::string, types::Service> manifests;
    std::string uri = "http://m/1";
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
            ServicesOptions{}, context_.get_executor());
        dispatcher_ = std::make_unique<Dispatcher>(
            *services_, *journal_, node_, node_, node_, batches_, changes_, timers_, metrics_,
            DispatcherOptions{.workers = 4, .queue_capacity = 100}, context_.get_executor());
        EXPECT_TRUE(run(journal_->open()).has_value());
    }
    void start() {
        ASSERT_TRUE(run(services_->load()).has_value());
        EXPECT_EQ(log_.count("a stored service is not running"), 0U)
            << ::testing::PrintToString(log_.lines());
        ASSERT_TRUE(run(dispatcher_->start()).has_value());
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
        types::TriggerBatch batch{
            "evm:1", std::move(actions), {{base::to_bytes("evm/evm:1"), {1}}}};
        ASSERT_TRUE(batches_.try_send(std::move(batch)).has_value());
        settle();
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
    FakeNode node_;
    types::ServiceManager manager_ = types::EvmManager{types::ChainKey::parse("evm:1").value(), {}};
    async::Channel<types::TriggerBatch> batches_{context_.get_executor(), "batches", 10};
    async::Channel<types::ServiceUriChange> changes_{context_.get_executor(), "changes", 10};
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::unique_ptr<async::TaskGroup> group_;
};

TEST_F(DispatcherTest, an_event_runs_and_its_result_is_handed_over) {
    start();
    register_service();
    deliver({action(1)});
    ASSERT_EQ(node_.submitted.size(), 1U);
    EXPECT_EQ(event(node_.submitted[0].event_sequence).state, types::EventState::Done);
    EXPECT_TRUE(
        store_.get(storage::Keyspace::Coverage, base::to_bytes("evm/evm:1")).value().has_value());
}

TEST_F(DispatcherTest, an_event_that_a_source_reads_twice_runs_once) {
    start();
    register_service();
    deliver({action(1), action(1)});
    deliver({action(1), action(2)});
    EXPECT_EQ(node_.runs.size(), 2U);
}

TEST_F(DispatcherTest, manual_triggers_repeat_as_often_as_asked_and_report_the_first_failure) {
    start();
    register_service();
    ManualRequest request{action(1), 3, ManualRequest::Wait::UntilRun};
    EXPECT_TRUE(run(dispatcher_->trigger(request)).has_value());
    EXPECT_EQ(node_.submitted.size(), 3U);
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "component_error", "trapped"));
    EXPECT_EQ(run(dispatcher_->trigger(request)).error().message(), "trapped");
    EXPECT_EQ(node_.submitted.size(), 5U);
    EXPECT_EQ(dispatcher_->last_error(manifest().id(), types::WorkflowId()), std::nullopt)
        << "a later run went well";
}

TEST_F(DispatcherTest, unknown_and_paused_targets_are_refused_before_anything_is_stored) {
    start();
    EXPECT_EQ(run(dispatcher_->trigger({action(1)})).error().code().view(), "service_unknown");
    register_service();
    auto other = action(1);
    other.config.workflow_id = types::WorkflowId::parse("other").value();
    EXPECT_EQ(run(dispatcher_->trigger({other})).error().code().view(), "workflow_unknown");
    EXPECT_TRUE(journal_->unfinished_events().value().empty());
}

TEST_F(DispatcherTest, host_faults_get_one_more_run_and_guest_faults_none) {
    start();
    register_service();
    node_.run_errors.push_back(unavailable("engine busy"));
    deliver({action(1)});
    EXPECT_EQ(node_.runs.size(), 2U);
    EXPECT_EQ(node_.submitted.size(), 1U);
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "out_of_fuel", "out of fuel"));
    deliver({action(2)});
    EXPECT_EQ(node_.runs.size(), 3U);
    EXPECT_EQ(dispatcher_->last_error(manifest().id(), types::WorkflowId()), "out of fuel");
}

TEST_F(DispatcherTest, unfinished_work_goes_on_after_a_restart) {
    start();
    register_service();
    // Accepted but never run: as after a crash between the two.
    const auto pending = action(9);
    const auto digest = services_->list().at(0)->digest;
    ASSERT_TRUE(
        run(journal_->accept({{&pending, digest}}, "evm:1", {}, Journal::Repeats::DropKnown))
            .has_value());
    deliver({action(1)});
    const auto done = node_.submitted.size();
    build();
    start();
    settle();
    // The result that was handed over before is not final, so it is handed over again, and the
    // pending one runs.
    EXPECT_EQ(node_.submitted.size(), done + 2);
    EXPECT_TRUE(journal_->unfinished_events().value().empty());
}

TEST_F(DispatcherTest, sequence_numbers_are_never_used_twice) {
    start();
    register_service();
    deliver({action(1)});
    const auto first = node_.submitted.back().event_sequence;
    build();
    start();
    deliver({action(2)});
    EXPECT_GT(node_.submitted.back().event_sequence, first);
}

TEST_F(DispatcherTest, registering_is_all_or_nothing) {
    start();
    node_.manifests["http://m/1"] = manifest();
    node_.component_error =
        base::Error(base::ErrorKind::Invalid, "component_digest", "wrong digest");
    EXPECT_FALSE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_TRUE(services_->list().empty());
    node_.component_error.reset();
    node_.prepare_error = base::Error(base::ErrorKind::Guest, "compile", "no component");
    EXPECT_FALSE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_TRUE(services_->list().empty());
    node_.prepare_error.reset();
    EXPECT_TRUE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_EQ(run(services_->add(manager_, std::nullopt)).error().code().view(), "service_exists");
}

TEST_F(DispatcherTest, a_manifest_for_another_manager_is_refused) {
    start();
    auto other = manifest();
    other.manager = types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    node_.manifests["http://m/1"] = other;
    EXPECT_EQ(run(services_->add(manager_, std::nullopt)).error().code().view(),
              "manager_mismatch");
}

TEST_F(DispatcherTest, the_key_is_bound_to_the_manager_for_ever) {
    start();
    register_service();
    EXPECT_EQ(services_->list().at(0)->hd_index, 1U);
    ASSERT_TRUE(run(services_->remove(manager_)).has_value());
    const types::ServiceManager second =
        types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    auto other = manifest();
    other.manager = second;
    node_.manifests["http://m/1"] = other;
    EXPECT_EQ(run(services_->add(second, 1)).error().code().view(), "hd_index_taken");
    ASSERT_TRUE(run(services_->add(second, std::nullopt)).has_value());
    EXPECT_EQ(services_->find(other.id())->hd_index, 2U);
    register_service();
    EXPECT_EQ(services_->find(manifest().id())->hd_index, 1U);
    EXPECT_TRUE(
        run(services_->remove(types::EvmManager{types::ChainKey::parse("evm:9").value(), {}}))
            .has_value())
        << "removing what is unknown is no error";
}

TEST_F(DispatcherTest, another_mnemonic_is_refused_at_start_by_name) {
    start();
    register_service();
    build();
    node_.key_shift = 1;
    const auto loaded = run(services_->load());
    EXPECT_EQ(loaded.error().code().view(), "signer_changed");
    EXPECT_THAT(loaded.error().message(), HasSubstr(types::to_string(manifest().id())));
}

TEST_F(DispatcherTest, an_update_is_tried_until_it_succeeds_and_the_old_version_runs_meanwhile) {
    start();
    register_service();
    const auto before = services_->list().at(0)->digest;
    services_->announce({manifest().id(), "http://m/2", 5, 0});
    settle();
    EXPECT_EQ(services_->list().at(0)->digest, before);
    EXPECT_EQ(services_->health(manifest().id()).state, ServiceHealth::State::Degraded);
    EXPECT_THAT(services_->health(manifest().id()).reason, HasSubstr("http://m/2"));
    node_.manifests["http://m/2"] = manifest("newer");
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newer");
    EXPECT_EQ(services_->list().at(0)->hd_index, 1U) << "an update burns no index";
    EXPECT_EQ(services_->health(manifest().id()).state, ServiceHealth::State::Active);
    EXPECT_EQ(node_.watched.at(manifest().id()), services_->list().at(0)->digest);
}

TEST_F(DispatcherTest, only_the_newest_announcement_counts) {
    start();
    register_service();
    services_->announce({manifest().id(), "http://m/2", 5, 0});
    settle();
    node_.manifests["http://m/2"] = manifest("older");
    node_.manifests["http://m/3"] = manifest("newest");
    services_->announce({manifest().id(), "http://m/3", 6, 0});
    services_->announce({manifest().id(), "http://m/2", 5, 0});
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newest");
}

TEST_F(DispatcherTest, an_update_to_another_service_is_refused) {
    start();
    register_service();
    auto other = manifest("thief");
    other.manager = types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    node_.manifests["http://m/2"] = other;
    services_->announce({manifest().id(), "http://m/2", 5, 0});
    settle();
    EXPECT_THAT(services_->health(manifest().id()).reason, HasSubstr("id mismatch"));
    EXPECT_EQ(services_->list().size(), 1U);
}

TEST_F(DispatcherTest, removal_ends_what_is_in_flight) {
    start();
    register_service();
    const auto pending = action(9);
    const auto digest = services_->list().at(0)->digest;
    ASSERT_TRUE(
        run(journal_->accept({{&pending, digest}}, "evm:1", {}, Journal::Repeats::DropKnown))
            .has_value());
    ASSERT_TRUE(run(services_->remove(manager_)).has_value());
    EXPECT_TRUE(journal_->unfinished_events().value().empty());
    EXPECT_TRUE(node_.watched.empty());
    EXPECT_EQ(node_.released, 1);
}

}  // namespace
}  // namespace wavs::dispatcher
