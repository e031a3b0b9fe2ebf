// SPDX-License-Identifier: Apache-2.0
#include "wavs/engine/engine.hpp"

#include "call.hpp"
#include "components.hpp"
#include "flat.hpp"
#include "host_services.hpp"
#include "results.hpp"
#include "revisions.hpp"
#include "run_records.hpp"
#include "scheduler.hpp"
#include "wavs/async/as_flow.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/telemetry/log.hpp"

#include <boost/asio/this_coro.hpp>

namespace wavs::engine {
namespace {

using Actions = std::vector<types::AggregatorAction>;

struct Ran {
    base::Bytes output;
    std::uint64_t fuel_used = 0;
    std::chrono::nanoseconds wall{0};
};

rt::EngineOptions library_options(const Options& options) {
    const auto in_flight = static_cast<std::uint32_t>(options.max_runs);
    return {.guest_threads = options.guest_threads,
            .max_in_flight = in_flight,
            .pool_slots = std::max(256U, in_flight),
            .compile_jobs = 0,
            .component_cache = options.component_cache,
            .max_table_elements = options.limits.table_elements,
            .max_handles = options.limits.handles,
            .stdio_cap_bytes = options.limits.log_bytes,
            .max_memory_bytes = options.limits.memory_bytes,
            .cache_dir = options.data / "cwasm",
            .max_instances = options.limits.instances,
            .max_host_call_bytes = options.limits.host_call_bytes,
            .fs_quota_bytes = options.limits.fs_bytes_per_service};
}

base::Result<void> files_result(const std::filesystem::path& directory,
                                const std::error_code& error) {
    if (error) {
        return base::Error(base::ErrorKind::Unavailable, "service_files",
                           fmt::format("{}: {}", directory.string(), error.message()),
                           "check the data directory of the node");
    }
    return base::ok();
}

}  // namespace

struct Engine::Impl {
    Impl(Options from, Ports with)
        : options(std::move(from)),
          ports(with),
          embedded(embedded_digest(options)),
          kv(ports.store, {.quota_bytes = options.limits.kv_bytes_per_service}),
          host(kv),
          scheduler(std::make_shared<Scheduler>(
              Scheduler::Options{.max_running = options.max_runs,
                                 .max_running_per_service = options.max_runs_per_service,
                                 .capacity = options.queue_capacity})),
          revisions(options, ports, embedded),
          records(options.data, options.records.kept, ports.blocking) {}

    base::Result<void> start();
    void show_gauges() const;
    async::Flow<base::Result<Ran>> run(Call call, SetupPtr setup, std::stop_token stop);
    async::Flow<base::Result<Ran>> run_in_turn(const Call& call, const Setup& setup,
                                               std::stop_token stop);
    async::Flow<base::Result<rt::RunOutcome>> run_library(const Call& call, const Setup& setup,
                                                          std::stop_token stop);
    async::Flow<base::Result<rt::RunOutcome>> replay(base::Bytes record, std::string files) {
        co_return co_await library->replay(std::move(record), std::move(files));
    }
    async::Flow<base::Result<void>> make_directory(const Setup& setup);
    async::Flow<base::Result<Actions>> aggregate(rt::Export entry, AggregatorJob job,
                                                 std::stop_token stop);
    async::Flow<base::Result<void>> submitted(AggregatorJob job, SubmitResult result,
                                              std::stop_token stop);
    async::Flow<base::Result<std::optional<Selection>>> select(AggregatorJob job,
                                                               types::SubmitAction action,
                                                               std::vector<QuorumEntry> entries,
                                                               std::stop_token stop);
    async::Flow<base::Result<bool>> selects(const Setup& setup);
    async::Flow<base::Result<bool>> selects(AggregatorJob job);
    void count(const Call& call, const Setup& setup, const rt::RunOutcome& outcome) const;
    void count_failure(const Setup& setup, const base::Error& error) const;
    void report_dropped(const OperatorJob& job, std::size_t dropped) const;

    const Options options;
    const Ports ports;
    const types::ComponentDigest embedded;
    KeyValue kv;
    HostServices host;
    std::shared_ptr<Scheduler> scheduler;
    // Before `library`, hence destroyed after it: what the library still ends uses them.
    Revisions revisions;
    RunRecords records;
    std::unique_ptr<rt::Engine> library;
    std::unique_ptr<Components> components;
    // Loads that a run asked for.
    async::TaskGroup loads{async::make_strand(ports.blocking), "engine"};
};

// Interrupts the run when the task that waits for it goes away.
struct StopAtEnd {
    StopAtEnd() = default;
    StopAtEnd(const StopAtEnd&) = delete;
    StopAtEnd& operator=(const StopAtEnd&) = delete;
    ~StopAtEnd() { source.request_stop(); }
    std::stop_source source;
};

base::Result<void> Engine::Impl::start() {
    WAVS_TRY(library, rt::Engine::create(ports.library, library_options(options), host));
    components = std::make_unique<Components>(options, ports, *library, embedded);
    show_gauges();
    return base::ok();
}

void Engine::Impl::show_gauges() const {
    const auto running = ports.metrics.gauge("engine_running", "Component runs in flight");
    const auto waiting = ports.metrics.gauge("engine_waiting", "Component runs that wait");
    // The page may be drawn after the engine is gone.
    ports.metrics.on_render([running, waiting, weak = std::weak_ptr<Scheduler>(scheduler)] {
        const auto from = weak.lock();
        running.set(from == nullptr ? 0 : static_cast<double>(from->running()));
        waiting.set(from == nullptr ? 0 : static_cast<double>(from->waiting()));
    });
}

async::Flow<base::Result<Ran>> Engine::Impl::run(Call call, SetupPtr setup, std::stop_token stop) {
    if (setup == nullptr) {
        co_return base::Error(base::ErrorKind::Bug, "no_component",
                              "a run was asked of a workflow without a component for it");
    }
    call.record_bytes = setup->record_bytes;
    if (auto refused = ports.quarantine.refusal(setup->digest)) {
        co_return std::move(*refused);
    }
    auto ran = co_await run_in_turn(call, *setup, std::move(stop));
    if (!ran.has_value()) {
        count_failure(*setup, ran.error());
    }
    co_return std::move(ran);
}

async::Flow<base::Result<rt::RunOutcome>> Engine::Impl::run_library(const Call& call,
                                                                    const Setup& setup,
                                                                    std::stop_token stop) {
    const auto priority =
        setup.world == World::Operator ? Scheduler::Class::Operator : Scheduler::Class::Aggregator;
    WAVS_CO_TRY(const auto permit, co_await scheduler->acquire(call.service.id, priority, stop));
    if (!setup.directory.empty() && !setup.flags->directory_made) {
        WAVS_CO_TRY(co_await make_directory(setup));
    }
    auto outcome = co_await library->run(request_of(call, setup), stop);
    if (!outcome.output.has_value() && outcome.output.error().code() == "component_not_found") {
        WAVS_CO_TRY(co_await async::as_flow(
            loads, "load", components->load(setup.digest, setup.world, rt::Pin::No)));
        outcome = co_await library->run(request_of(call, setup), stop);
    }
    co_return std::move(outcome);
}

async::Flow<base::Result<Ran>> Engine::Impl::run_in_turn(const Call& call, const Setup& setup,
                                                         std::stop_token stop) {
    WAVS_CO_TRY(auto outcome, co_await run_library(call, setup, std::move(stop)));
    count(call, setup, outcome);
    if (!outcome.record.empty()) {
        records.store(call.service.id, call.trace_id, std::move(outcome.record));
    }
    if (!outcome.output.has_value()) {
        if (outcome.output.error().code() == "guest_files") {
            setup.flags->directory_made = false;
        }
        co_return std::move(outcome.output).error();
    }
    co_return Ran{.output = std::move(outcome.output.value()),
                  .fuel_used = outcome.fuel_used,
                  .wall = outcome.wall};
}

async::Flow<base::Result<void>> Engine::Impl::make_directory(const Setup& setup) {
    WAVS_CO_TRY(co_await async::suspend<void>([&](async::Completion<void> done) {
        async::post(ports.blocking,
                    [directory = setup.directory,
                     done = std::make_shared<async::Completion<void>>(std::move(done))] {
                        std::error_code error;
                        std::filesystem::create_directories(directory, error);
                        done->set(files_result(directory, error));
                    });
    }));
    setup.flags->directory_made = true;
    co_return base::ok();
}

void Engine::Impl::count(const Call& call, const Setup& setup,
                         const rt::RunOutcome& outcome) const {
    if (!outcome.output.has_value() &&
        outcome.output.error().kind() == base::ErrorKind::Cancelled) {
        return;
    }
    setup.seconds.observe(std::chrono::duration<double>(outcome.wall).count());
    setup.fuel_used.observe(static_cast<double>(outcome.fuel_used));
    if (outcome.output.has_value()) {
        setup.succeeded.add();
    }
    if (setup.fuel_warning > 0 && outcome.fuel_used > setup.fuel_warning &&
        !setup.flags->fuel_warned.exchange(true)) {
        telemetry::log_warn("engine", "a component comes close to the fuel limit of its manifest",
                            {{"service_id", types::to_string(call.service.id)},
                             {"workflow_id", call.action->config.workflow_id.str()},
                             {"fuel_used", outcome.fuel_used},
                             {"fuel_limit", setup.fuel},
                             {"remedy", "raise fuel_limit: usage differs between node versions"}});
    }
}

void Engine::Impl::count_failure(const Setup& setup, const base::Error& error) const {
    // Refused and cancelled runs did not fail: they have not happened.
    if (error.kind() == base::ErrorKind::Overloaded || error.kind() == base::ErrorKind::Cancelled) {
        return;
    }
    setup.failed.add();
    ports.metrics
        .counter("engine_total_errors_total", "Failed component runs by error code",
                 {{"error", std::string(error.code().view())}})
        .add();
}

void Engine::Impl::report_dropped(const OperatorJob& job, std::size_t dropped) const {
    if (dropped == 0) {
        return;
    }
    ports.metrics
        .counter("engine_duplicate_salts_total",
                 "Responses dropped because an earlier one of the run has the same salt")
        .add(static_cast<double>(dropped));
    telemetry::log_error("component", "responses with the salt of an earlier one were dropped",
                         {{"service_id", types::to_string(job.service.id)},
                          {"workflow_id", job.action->config.workflow_id.str()},
                          {"trace_id", types::to_string(job.trace_id)},
                          {"dropped", dropped}});
}

async::Flow<base::Result<Actions>> Engine::Impl::aggregate(rt::Export entry, AggregatorJob job,
                                                           std::stop_token stop) {
    WAVS_CO_TRY(const auto setup,
                revisions.find(job.service, job.action->config.workflow_id, World::Aggregator));
    if (setup == nullptr) {
        co_return Actions{};
    }
    auto ran = co_await run(call_of(entry, std::move(job)), setup, std::move(stop));
    if (!ran.has_value()) {
        co_return prefixed(std::move(ran).error(), entry);
    }
    auto actions = read_actions(ran.value().output);
    if (actions.has_value()) {
        if (auto checked = check_actions(actions.value(), options.limits); !checked.has_value()) {
            actions = std::move(checked).error();
        }
    }
    if (!actions.has_value()) {
        count_failure(*setup, actions.error());
    }
    co_return std::move(actions);
}

async::Flow<base::Result<void>> Engine::Impl::submitted(AggregatorJob job, SubmitResult result,
                                                        std::stop_token stop) {
    WAVS_CO_TRY(const auto setup,
                revisions.find(job.service, job.action->config.workflow_id, World::Aggregator));
    if (setup == nullptr) {
        co_return base::ok();
    }
    auto call = call_of(rt::Export::HandleSubmitCallback, std::move(job));
    call.submitted = std::move(result);
    auto ran = co_await run(std::move(call), setup, std::move(stop));
    if (!ran.has_value()) {
        co_return prefixed(std::move(ran).error(), rt::Export::HandleSubmitCallback);
    }
    co_return base::ok();
}

// Loading tells; for a component that services use that is one look into the library's memory.
async::Flow<base::Result<bool>> Engine::Impl::selects(const Setup& setup) {
    using Selects = SetupFlags::Selects;
    if (setup.flags->selects == Selects::Unknown) {
        WAVS_CO_TRY(const auto info,
                    co_await async::as_flow(
                        loads, "load", components->load(setup.digest, setup.world, rt::Pin::No)));
        setup.flags->selects = info.selects ? Selects::Yes : Selects::No;
    }
    co_return setup.flags->selects == Selects::Yes;
}

async::Flow<base::Result<bool>> Engine::Impl::selects(AggregatorJob job) {
    WAVS_CO_TRY(const auto setup,
                revisions.find(job.service, job.action->config.workflow_id, World::Aggregator));
    if (setup == nullptr) {
        co_return false;
    }
    co_return co_await selects(*setup);
}

async::Flow<base::Result<std::optional<Selection>>> Engine::Impl::select(
    AggregatorJob job, types::SubmitAction action, std::vector<QuorumEntry> entries,
    std::stop_token stop) {
    WAVS_CO_TRY(const auto setup,
                revisions.find(job.service, job.action->config.workflow_id, World::Aggregator));
    if (setup == nullptr) {
        co_return std::nullopt;
    }
    WAVS_CO_TRY(const bool chooses, co_await selects(*setup));
    if (!chooses) {
        co_return std::nullopt;
    }
    auto call = call_of(rt::Export::Select, std::move(job));
    call.selection = flat_selection(call.event_id, action, entries);
    WAVS_CO_TRY(const auto ran, co_await run(std::move(call), setup, std::move(stop)));
    auto indices = read_indices(ran.output);
    auto selection = indices.has_value()
                         ? check_selection(std::move(indices.value()), entries.size())
                         : base::Result<Selection>(std::move(indices).error());
    if (!selection.has_value()) {
        count_failure(*setup, selection.error());
        co_return std::move(selection).error();
    }
    co_return std::optional<Selection>(std::move(selection.value()));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

base::Result<std::unique_ptr<Engine>> Engine::create(Options options, Ports ports) {
    auto impl = std::make_unique<Impl>(std::move(options), std::move(ports));
    WAVS_TRY(impl->start());
    return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

async::Task<base::Result<ComponentInfo>> Engine::prepare(types::ComponentDigest digest,
                                                         World world) {
    return impl_->components->prepare(impl_->revisions.resolve(digest), world);
}

void Engine::release(const types::ComponentDigest& digest) {
    impl_->components->release(impl_->revisions.resolve(digest));
}

std::optional<base::Error> Engine::refusal(const types::ComponentDigest& digest) const {
    return impl_->ports.quarantine.refusal(impl_->revisions.resolve(digest));
}

async::Task<base::Result<ComponentInfo>> Engine::validate(std::shared_ptr<const base::Bytes> wasm,
                                                          std::optional<World> world) {
    return impl_->components->validate(std::move(wasm), world);
}

async::Flow<base::Result<OperatorOutcome>> Engine::run_operator(OperatorJob job,
                                                                std::stop_token stop) {
    WAVS_CO_TRY(const auto setup, impl_->revisions.find(job.service, job.action->config.workflow_id,
                                                        World::Operator));
    WAVS_CO_TRY(const auto ran, co_await impl_->run(call_of(job), setup, std::move(stop)));
    auto responses = read_responses(ran.output);
    if (!responses.has_value()) {
        impl_->count_failure(*setup, responses.error());
        co_return std::move(responses).error();
    }
    auto checked = check_responses(std::move(responses.value()), impl_->options.limits,
                                   setup->submits ? Submits::Yes : Submits::No);
    if (!checked.has_value()) {
        impl_->count_failure(*setup, checked.error());
        co_return std::move(checked).error();
    }
    impl_->report_dropped(job, checked.value().dropped);
    co_return OperatorOutcome{.responses = std::move(checked.value().responses),
                              .fuel_used = ran.fuel_used,
                              .wall = ran.wall,
                              .dropped_responses = checked.value().dropped};
}

async::Flow<base::Result<rt::RunOutcome>> Engine::run_recorded(OperatorJob job,
                                                               std::uint64_t seed) {
    WAVS_CO_TRY(const auto setup, impl_->revisions.find(job.service, job.action->config.workflow_id,
                                                        World::Operator));
    auto call = call_of(std::move(job));
    call.record_bytes = impl_->options.records.bytes;
    call.seed = seed;
    co_return co_await impl_->run_library(call, *setup, {});
}

async::Task<base::Result<rt::RunOutcome>> Engine::replay(base::Bytes record,
                                                         std::filesystem::path files) {
    WAVS_CO_TRY(const auto info, rt::record_info(impl_->ports.library, record));
    const types::ComponentDigest digest(info.digest);
    WAVS_CO_TRY(co_await impl_->components->load(digest, rt::world_of(info.entry), rt::Pin::No));
    co_return co_await async::as_task(impl_->replay(std::move(record), files.string()));
}

async::Task<base::Result<Actions>> Engine::process_input(AggregatorJob job) {
    const StopAtEnd end;
    co_return co_await async::as_task(
        impl_->aggregate(rt::Export::ProcessInput, std::move(job), end.source.get_token()));
}

async::Task<base::Result<Actions>> Engine::handle_timer_callback(AggregatorJob job) {
    const StopAtEnd end;
    co_return co_await async::as_task(
        impl_->aggregate(rt::Export::HandleTimerCallback, std::move(job), end.source.get_token()));
}

async::Task<base::Result<void>> Engine::handle_submit_callback(AggregatorJob job,
                                                               SubmitResult result) {
    const StopAtEnd end;
    co_return co_await async::as_task(
        impl_->submitted(std::move(job), std::move(result), end.source.get_token()));
}

async::Task<base::Result<bool>> Engine::selects(AggregatorJob job) {
    co_return co_await async::as_task(impl_->selects(std::move(job)));
}

async::Task<base::Result<std::optional<Selection>>> Engine::select(
    AggregatorJob job, types::SubmitAction action, std::vector<QuorumEntry> entries) {
    const StopAtEnd end;
    co_return co_await async::as_task(impl_->select(std::move(job), std::move(action),
                                                    std::move(entries), end.source.get_token()));
}

void Engine::set_chain_configs(std::shared_ptr<const types::ChainConfigs> chains) {
    impl_->host.set_chains(std::move(chains));
}

base::Result<void> Engine::set_network(const rt::NetworkRules& rules) {
    return impl_->library->set_network(rules);
}

KeyValue& Engine::key_value() { return impl_->kv; }

async::Task<base::Result<void>> Engine::remove_files(types::ServiceId service) {
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    const auto directory = impl_->revisions.directory_of(service);
    const auto records = impl_->records.directory_of(service);
    std::function<base::Result<void>()> work = [directory, records] {
        std::error_code error;
        std::filesystem::remove_all(records, error);
        std::filesystem::remove_all(directory, error);
        return files_result(directory, error);
    };
    WAVS_CO_TRY(co_await async::run_blocking(impl_->ports.blocking, executor, std::move(work)));
    impl_->revisions.forget_directory(service);
    co_return base::ok();
}

Status Engine::status() const {
    return {.running = impl_->scheduler->running(),
            .waiting = impl_->scheduler->waiting(),
            .library = impl_->library->stats()};
}

async::Task<void> Engine::stop(std::chrono::milliseconds grace) {
    impl_->scheduler->close();
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    std::function<base::Result<void>()> work = [library = impl_->library.get(), grace] {
        library->shutdown(grace);
        return base::Result<void>(base::ok());
    };
    // An error means only that this coroutine was cancelled itself; the shutdown goes on.
    (void)co_await async::run_blocking(impl_->ports.blocking, executor, std::move(work));
}

}  // namespace wavs::engine
