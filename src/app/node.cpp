// SPDX-License-Identifier: Apache-2.0
#include "wavs/app/node.hpp"

#include "chains.hpp"
#include "node_api.hpp"
#include "options.hpp"
#include "ports.hpp"
#include "task_metrics.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/http/http_api.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/storage/disk_space.hpp"
#include "wavs/storage/rocksdb_store.hpp"
#include "wavs/storage/schema.hpp"
#include "wavs/telemetry/log.hpp"

#include <fmt/ranges.h>

#include <cstdlib>

namespace wavs::app {
namespace {

constexpr auto kBalanceEvery = std::chrono::minutes(1);
constexpr auto kDiskCheckEvery = std::chrono::seconds(2);
constexpr int kAddressTries = 100;
constexpr auto kAddressPause = std::chrono::milliseconds(20);
constexpr std::size_t kBatchCapacity = 10'000;

// Nothing is lost: what was answered is on disk, the rest is read or asked for again.
void disk_failed(const base::Error& error) {
    telemetry::log_error("app", "the node ends, start it again when the disk is well",
                         {{"error", error.full_text()}});
    std::_Exit(EXIT_FAILURE);
}

base::Result<crypto::Keyring> signing_keys(const config::Config& config) {
    if (!config.signing_mnemonic) {
        return base::Error(base::ErrorKind::Invalid, "signing_mnemonic", "missing signing mnemonic",
                           "set signing_mnemonic in wavs.toml, or WAVS_SIGNING_MNEMONIC");
    }
    return crypto::Keyring::from_mnemonic(config.signing_mnemonic->reveal());
}

}  // namespace

/// Members in the order they are built; destroyed the other way round.
struct Node::Impl {
    Impl(config::Config loaded, async::Runtime& threads, storage::DataDirLock held)
        : config(std::move(loaded)),
          runtime(threads),
          lock(std::move(held)),
          strand(async::make_strand(threads.io())),
          resolver(threads.blocking()),
          dial{timers, clock, resolver, {}, {}},
          http_client(dial),
          batches(threads.io(), "triggers.batches", kBatchCapacity),
          background(strand, "background"),
          supervisor(strand, timers, random,
                     [this](const async::TaskStatus& task) { report_task(metrics, task); }),
          blobs(config.data / "ca"),
          disk(config.data, config.storage.min_free_bytes) {}

    base::Result<void> open_store();
    base::Result<void> build_chains();
    base::Result<void> build_engine(std::map<std::string, std::string> environment);
    base::Result<void> build_network();
    base::Result<void> build_submission();
    void build_aggregator();
    void build_triggers();
    void build_dispatcher();
    base::Result<void> build_http();
    async::Task<base::Result<void>> start();
    async::Task<base::Result<void>> check_chains();
    async::Task<void> log_unhealthy_chains();
    async::Task<base::Result<void>> watch_disk();
    async::Task<base::Result<void>> watch_balances();
    async::Task<base::Result<void>> forget_signed();
    async::Task<void> run_unsigned(types::EvmAddress signer);
    void start_tasks();
    void start_exchange();
    async::Task<base::Result<void>> announce_network();
    async::Task<void> stop_network();
    async::Task<void> stop();

    config::Config config;
    async::Runtime& runtime;
    storage::DataDirLock lock;
    async::Executor strand;
    base::SystemClock clock;
    async::SystemTimers timers;
    base::SeededRandom random{base::SeededRandom::entropy_seed()};
    telemetry::Metrics metrics;
    net::SystemResolver resolver;
    net::DialContext dial;
    net::HttpClient http_client;
    async::Channel<types::TriggerBatch> batches;
    async::TaskGroup background;
    async::Supervisor supervisor;
    storage::BlobStore blobs;
    storage::DiskSpace disk;

    std::unique_ptr<storage::RocksdbStore> store;
    std::unique_ptr<Chains> chains;
    std::unique_ptr<engine::Quarantine> quarantine;
    std::unique_ptr<engine::Engine> engine;
    std::unique_ptr<GuestNetwork> guest_network;
    std::unique_ptr<submission::LocalSigner> signer;
    std::unique_ptr<submission::Ledger> ledger;
    std::unique_ptr<submission::Submitter> submitter;
    /// Null when no peers are configured.
    std::unique_ptr<p2p::Network> network;
    std::unique_ptr<sources::Sources> sources;
    std::unique_ptr<aggregator::EngineRunner> components;
    std::unique_ptr<aggregator::SignerRegistry> registry;
    std::unique_ptr<aggregator::Exchange> exchange;
    std::unique_ptr<aggregator::Aggregator> aggregator;
    std::unique_ptr<triggers::TriggerManager> triggers;

    std::unique_ptr<EngineBinding> engine_port;
    std::unique_ptr<SubmissionBinding> submission_port;
    std::unique_ptr<AggregatorBinding> aggregator_port;
    std::unique_ptr<TriggerBinding> trigger_port;
    std::unique_ptr<SourcesBinding> sources_port;
    std::unique_ptr<ManagerBinding> manager_port;
    std::unique_ptr<dispatcher::Journal> journal;
    std::unique_ptr<dispatcher::Services> services;
    std::unique_ptr<dispatcher::Dispatcher> dispatcher;
    std::unique_ptr<NodeApi> api;
    std::unique_ptr<http::HttpApi> http;
};

base::Result<void> Node::Impl::open_store() {
    WAVS_TRY(store, storage::RocksdbStore::open(config.data / "db", disk_failed, runtime.io()));
    journal = std::make_unique<dispatcher::Journal>(*store, clock);
    metrics.on_render([this] { export_queues(metrics); });
    return base::ok();
}

base::Result<void> Node::Impl::build_chains() {
    std::shared_ptr<const crypto::SecretKey> account;
    if (config.aggregator_evm_credential) {
        WAVS_TRY(account, account_key(config.aggregator_evm_credential->reveal()));
    } else {
        telemetry::log_warn(
            "app", "no aggregator_evm_credential: results are signed but not posted on EVM chains");
    }
    const chain_evm::ChainContext context{runtime.io(), dial,     http_client,
                                          random,       &metrics, store.get()};
    chains = std::make_unique<Chains>(config.chains, context, *store, std::move(account));
    return chains->load();
}

base::Result<void> Node::Impl::build_engine(std::map<std::string, std::string> environment) {
    const auto& library = rt::native_library();
    WAVS_TRY(quarantine, engine::Quarantine::open(config.data / "strikes", clock, metrics));
    WAVS_TRY(quarantine->watch(library));
    WAVS_TRY(engine, engine::Engine::create(
                         engine_options(config, std::move(environment)),
                         {runtime.blocking(), metrics, *store, blobs, library, *quarantine}));
    guest_network = std::make_unique<GuestNetwork>(*engine, config.engine);
    WAVS_TRY(guest_network->start(chains->configs()));
    engine_port = std::make_unique<EngineBinding>(*engine, background);
    return base::ok();
}

base::Result<void> Node::Impl::build_network() {
    const auto options = p2p_options(config);
    if (!options) {
        return base::ok();
    }
    WAVS_TRY(const auto identity, p2p::load_identity(config.data / "p2p"));
    WAVS_TRY(network,
             p2p::start_network(*options, identity,
                                {rt::native_peer_library(), runtime.io(), runtime.blocking()}));
    return base::ok();
}

// Closes the peers' port to components, and tells the operator what others may dial. The addresses
// are known a moment after the start.
async::Task<base::Result<void>> Node::Impl::announce_network() {
    if (network == nullptr) {
        co_return base::ok();
    }
    WAVS_CO_TRY(auto status, co_await network->status());
    for (int i = 0; i < kAddressTries && status.listen_addresses.empty(); ++i) {
        WAVS_CO_TRY(co_await timers.sleep_for(kAddressPause));
        WAVS_CO_TRY(status, co_await network->status());
    }
    for (const auto port : listen_ports(status)) {
        WAVS_CO_TRY(guest_network->add_own_port(port));
    }
    telemetry::log_info(
        "app", "takes part in the peer-to-peer network",
        {{"peer", status.local_peer},
         {"addresses", fmt::format("{}", fmt::join(status.listen_addresses, " "))}});
    co_return base::ok();
}

base::Result<void> Node::Impl::build_submission() {
    WAVS_TRY(auto keys, signing_keys(config));
    signer = std::make_unique<submission::LocalSigner>(std::move(keys));
    ledger = std::make_unique<submission::Ledger>(*store);
    submitter = std::make_unique<submission::Submitter>(*signer, *ledger, clock, metrics);
    submission_port = std::make_unique<SubmissionBinding>(*signer, *submitter, *ledger);
    return base::ok();
}

void Node::Impl::build_aggregator() {
    components = std::make_unique<aggregator::EngineRunner>(*engine);
    if (network != nullptr) {
        registry = std::make_unique<aggregator::SignerRegistry>(
            [this](types::ServiceManager manager, types::EvmAddress key) {
                return chains->counts(std::move(manager), key);
            },
            clock);
        exchange = std::make_unique<aggregator::Exchange>(
            aggregator::ExchangeDeps{*network, *store, *registry, clock, timers, metrics},
            exchange_options(config), runtime.io());
    }
    aggregator::AggregatorDeps deps{
        *store,
        *components,
        [this](types::SubmitAction action) { return chains->target(std::move(action)); },
        [this](const types::ServiceId& id) { return services->find(id); },
        clock,
        timers,
        metrics,
        exchange.get()};
    aggregator::AggregatorOptions options;
    options.burned_ttl = config.aggregator.burned_queue_ttl;
    options.submit_stagger = config.aggregator.submit_stagger;
    aggregator = std::make_unique<aggregator::Aggregator>(std::move(deps), options, runtime.io());
    aggregator_port = std::make_unique<AggregatorBinding>(*aggregator);
}

void Node::Impl::build_triggers() {
    triggers::TriggerDeps deps{[this](const types::ChainKey& key) { return chains->link(key); },
                               *store,
                               batches,
                               supervisor,
                               timers,
                               random,
                               metrics,
                               clock,
                               cron_options(config),
                               block_options(config)};
    triggers = std::make_unique<triggers::TriggerManager>(std::move(deps), runtime.io());
    trigger_port = std::make_unique<TriggerBinding>(*triggers);
}

void Node::Impl::build_dispatcher() {
    sources = std::make_unique<sources::Sources>(
        sources_options(config),
        sources::SourcesDeps{http_client, timers, blobs, metrics, runtime.blocking()});
    sources_port = std::make_unique<SourcesBinding>(*sources);
    manager_port = std::make_unique<ManagerBinding>(*chains);
    const dispatcher::ServicesDeps deps{*store,           *journal,         *engine_port,
                                        *submission_port, *aggregator_port, *trigger_port,
                                        *sources_port,    *manager_port,    clock,
                                        timers,           random,           metrics};
    services = std::make_unique<dispatcher::Services>(deps, services_options(config), strand);
    services->on_signing_began([this](const types::EvmAddress& key) {
        background.spawn("events that waited for a key", run_unsigned(key));
    });
    dispatcher::DispatcherOptions options;
    options.max_running = config.engine.max_runs;
    options.max_running_per_service = config.engine.max_runs_per_service;
    options.event_retention =
        std::chrono::duration_cast<std::chrono::seconds>(config.storage.event_retention);
    options.queue_capacity = config.engine.queue_capacity;
    for (const auto& [service, workflow] : config.engine.ordered_workflows) {
        options.ordered.emplace(service, workflow);
    }
    const dispatcher::DispatcherDeps hub{*services,        *journal, *engine_port, *submission_port,
                                         *aggregator_port, batches,  disk,         clock,
                                         timers,           random,   metrics};
    dispatcher = std::make_unique<dispatcher::Dispatcher>(hub, options, runtime.io());
}

base::Result<void> Node::Impl::build_http() {
    api = std::make_unique<NodeApi>(
        NodeApiDeps{config, *chains, *services, *dispatcher, *journal, *triggers, *engine,
                    *guest_network, *quarantine, blobs, supervisor, timers, clock, metrics,
                    runtime.io(), runtime.blocking(), network.get(), exchange.get()});
    WAVS_TRY(auto options, http_options(config));
    http = std::make_unique<http::HttpApi>(std::move(options), *api,
                                           http::Environment{runtime.io(), timers, clock, metrics});
    return base::ok();
}

async::Task<base::Result<void>> Node::Impl::watch_disk() {
    auto free = metrics.gauge("wavs_disk_free_bytes", "Free space for the data directory");
    while (true) {
        WAVS_CO_TRY(co_await async::run_blocking(runtime.blocking(), runtime.io(), [this] {
            disk.refresh();
            return base::Result<void>(base::ok());
        }));
        free.set(static_cast<double>(disk.free_bytes()));
        WAVS_CO_TRY(co_await timers.sleep_for(kDiskCheckEvery));
    }
}

async::Task<base::Result<void>> Node::Impl::watch_balances() {
    while (true) {
        chains->look_at_balances(background);
        WAVS_CO_TRY(co_await timers.sleep_for(kBalanceEvery));
    }
}

async::Task<base::Result<void>> Node::Impl::forget_signed() {
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(config.storage.ledger_retention);
    submission::LedgerRetention retention{age, clock, timers, runtime.blocking()};
    co_return co_await ledger->run_retention(std::move(retention));
}

// What failed because the key did not sign.
async::Task<void> Node::Impl::run_unsigned(types::EvmAddress key) {
    const auto again = co_await dispatcher->retry_all(submission::signing_off_text(key));
    if (!again.has_value()) {
        telemetry::log_failure(telemetry::Level::Error, "app",
                               "events that waited for a key do not run again", again.error(),
                               {{"signer", types::to_checksum_string(key)}});
    } else if (again.value() > 0) {
        telemetry::log_info(
            "app", "events that waited for a key run again",
            {{"signer", types::to_checksum_string(key)}, {"events", again.value()}});
    }
}

void Node::Impl::start_tasks() {
    supervisor.run("dispatcher/batches", async::make_strand(runtime.io()),
                   [this] { return dispatcher->run_batches(); });
    supervisor.run("dispatcher/retention", async::make_strand(runtime.io()),
                   [this] { return dispatcher->run_retention(); });
    supervisor.run("storage/disk_space", async::make_strand(runtime.io()),
                   [this] { return watch_disk(); });
    supervisor.run("services/uri_checks", async::make_strand(runtime.io()),
                   [this] { return services->run_uri_checks(); });
    supervisor.run("submission/retention", async::make_strand(runtime.io()),
                   [this] { return forget_signed(); });
    supervisor.run("chains/balances", async::make_strand(runtime.io()),
                   [this] { return watch_balances(); });
    supervisor.run("aggregator/clean_up", async::make_strand(runtime.io()),
                   [this] { return aggregator->run_clean_up(); });
}

// Only when the services are known: what peers say of others is not forwarded.
void Node::Impl::start_exchange() {
    if (exchange == nullptr) {
        return;
    }
    supervisor.run("exchange/events", async::make_strand(runtime.io()),
                   [this] { return exchange->run_events(); });
    supervisor.run("exchange/rounds", async::make_strand(runtime.io()),
                   [this] { return exchange->run_rounds(); });
}

async::Task<void> Node::Impl::log_unhealthy_chains() {
    for (const auto& [chain, health] : co_await chains->health()) {
        if (!health.healthy) {
            telemetry::log_warn("app", "chain is not healthy: " + health.error,
                                {{"chain", chain.str()}});
        }
    }
}

async::Task<base::Result<void>> Node::Impl::check_chains() {
    if (config.health_check_mode == config::HealthCheckMode::Bypass) {
        background.spawn("health check", log_unhealthy_chains());
        co_return base::ok();
    }
    if (config.health_check_mode == config::HealthCheckMode::Wait) {
        co_await log_unhealthy_chains();
        co_return base::ok();
    }
    for (const auto& [chain, health] : co_await chains->health()) {
        if (!health.healthy) {
            co_return base::Error(
                base::ErrorKind::Unavailable, "chain_unhealthy",
                fmt::format("chain {} is not healthy: {}", chain.str(), health.error),
                "repair the endpoint, or set health_check_mode to wait");
        }
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Node::Impl::start() {
    WAVS_CO_TRY(co_await storage::prepare_schema(*store, dispatcher::journal_migrations()));
    WAVS_CO_TRY(co_await check_chains());
    WAVS_CO_TRY(co_await journal->open());
    WAVS_CO_TRY(ledger->open());
    start_tasks();
    WAVS_CO_TRY(co_await services->load());
    WAVS_CO_TRY(aggregator->open());
    WAVS_CO_TRY(co_await dispatcher->start(quarantine->crashed_events()));
    // A ledger may have been imported since.
    for (const auto& service : services->list()) {
        if (ledger->state(service->signer) == types::SignerState::On) {
            co_await run_unsigned(service->signer);
        }
    }
    WAVS_CO_TRY(co_await announce_network());
    start_exchange();
    // A port the system chooses is known only afterwards.
    WAVS_CO_TRY(guest_network->add_own_port(config.port));
    WAVS_CO_TRY(http->start());
    WAVS_CO_TRY(guest_network->add_own_port(http->port()));
    telemetry::log_info("app", "listening on " + http->url(),
                        {{"data", config.data.string()}, {"services", services->list().size()}});
    co_return base::ok();
}

// Waits for the library's thread, hence on the blocking pool.
async::Task<void> Node::Impl::stop_network() {
    if (network == nullptr) {
        co_return;
    }
    (void)co_await async::run_blocking(runtime.blocking(), runtime.io(), [this] {
        network->stop();
        return base::Result<void>(base::ok());
    });
}

async::Task<void> Node::Impl::stop() {
    const auto grace = config.shutdown_grace;
    co_await http->stop(grace);
    std::vector<std::string> left;
    const auto note = [&left](std::vector<std::string> names) {
        left.insert(left.end(), names.begin(), names.end());
    };
    note(co_await supervisor.stop(grace));
    batches.close();
    note(co_await triggers->stop(grace));
    note(co_await services->stop(grace));
    note(co_await dispatcher->stop(grace));
    co_await stop_network();
    if (exchange != nullptr) {
        note(co_await exchange->stop(grace));
    }
    note(co_await aggregator->stop(grace));
    note(co_await background.stop(timers, grace));
    co_await engine->stop(grace);
    for (const auto& name : left) {
        telemetry::log_warn("app", "did not end in time", {{"task", name}});
    }
    telemetry::log_info("app", "stopped");
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

base::Result<std::unique_ptr<Node>> Node::create(config::Config config,
                                                 std::map<std::string, std::string> environment,
                                                 async::Runtime& runtime) {
    WAVS_TRY(auto lock, storage::DataDirLock::acquire(config.data));
    auto impl = std::make_unique<Impl>(std::move(config), runtime, std::move(lock));
    WAVS_TRY(impl->open_store());
    WAVS_TRY(impl->build_chains());
    WAVS_TRY(impl->build_engine(std::move(environment)));
    WAVS_TRY(impl->build_submission());
    WAVS_TRY(impl->build_network());
    impl->build_aggregator();
    impl->build_triggers();
    impl->build_dispatcher();
    WAVS_TRY(impl->build_http());
    return std::unique_ptr<Node>(new Node(std::move(impl)));
}

async::Task<base::Result<void>> Node::start() { return impl_->start(); }
async::Task<void> Node::stop() { return impl_->stop(); }
std::string Node::url() const { return impl_->http->url(); }
async::Flow<base::Result<void>> Node::trigger(dispatcher::ManualRequest request) {
    return impl_->dispatcher->trigger(std::move(request));
}
const storage::Store& Node::store() const { return *impl_->store; }

}  // namespace wavs::app
