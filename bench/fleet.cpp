// SPDX-License-Identifier: Apache-2.0
#include "fleet.hpp"

#include "wavs/async/testing/run.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/types/event_id.hpp"

namespace wavs::bench {
namespace {

types::ChainKey chain_key() { return must(types::ChainKey::parse("evm:31337")); }

types::RegisteredServicePtr service_of(const types::EvmAddress& signer) {
    auto service = std::make_shared<types::RegisteredService>();
    service->service.name = "bench";
    service->service.manager = types::EvmManager{chain_key(), {}};
    types::SubmitAggregator submit;
    submit.signature_kind = types::kEvmSignatureKind;
    auto& workflow = service->service.workflows[types::WorkflowId()];
    workflow.submit = submit;
    workflow.trigger = types::ManualTrigger{};
    service->id = service->service.id();
    service->signer = signer;
    return service;
}

types::TriggerAction action_of(const types::ServiceId& service, std::uint32_t event) {
    base::Bytes data(4);
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<std::uint8_t>(event >> (8 * i));
    }
    return {{service, types::WorkflowId(), types::ManualTrigger{}}, types::RawData{data}};
}

async::Task<void> ignore(async::Task<base::Result<void>> task) { (void)co_await std::move(task); }

async::Task<base::Result<types::SignerCounts>> yes() { co_return types::SignerCounts::Yes; }

}  // namespace

/// Quorum by heads; takes each event at once.
class Fleet::Chain final : public aggregator::Target {
public:
    explicit Chain(std::size_t threshold) : threshold_(threshold) {}

    async::Task<base::Result<aggregator::QuorumCheck>> check(
        aggregator::CheckRequest request) override {
        if (request.signatures.size() < threshold_) {
            co_return aggregator::QuorumCheck{aggregator::QuorumCheck::State::Waiting,
                                              "Insufficient Quorum", 0, "InsufficientQuorum"};
        }
        co_return aggregator::QuorumCheck{aggregator::QuorumCheck::State::Reached, {}, 1};
    }
    async::Task<base::Result<aggregator::Posted>> post(aggregator::PostRequest request) override {
        const auto now = std::chrono::steady_clock::now();
        {
            const std::lock_guard lock(mutex_);
            ++posts_;
            posted_.emplace(request.envelope.event_id,
                            Handed{now, types::envelope_digest(request.envelope)});
        }
        changed_.notify_all();
        co_return aggregator::Posted{aggregator::Posted::State::Mined, types::EvmTxHash{}};
    }
    async::Task<base::Result<std::optional<aggregator::Posted>>> resume(
        base::Bytes /*reference*/, aggregator::OnSigned /*on_signed*/) override {
        co_return std::optional<aggregator::Posted>();
    }
    async::Task<base::Result<std::optional<aggregator::PostedElsewhere>>> find_posted(
        types::SubmitAction /*action*/, types::EventId event,
        std::uint64_t /*from_block*/) override {
        const std::lock_guard lock(mutex_);
        const auto found = posted_.find(event);
        co_return found == posted_.end() ? std::nullopt
                                         : std::optional(aggregator::PostedElsewhere{
                                               types::EvmTxHash{}, found->second.envelope_digest});
    }
    async::Task<base::Result<std::vector<std::string>>> weights(
        types::SubmitAction /*action*/, std::vector<types::EvmAddress> signers,
        std::uint32_t /*reference_block*/) override {
        co_return std::vector<std::string>(signers.size(), "1");
    }
    /// A block each second.
    async::Task<base::Result<std::uint64_t>> head() override {
        const auto age = std::chrono::steady_clock::now() - born_;
        co_return 1U + static_cast<std::uint64_t>(age / std::chrono::seconds(1));
    }
    async::Task<base::Result<std::uint64_t>> block_at(types::Timestamp /*time*/) override {
        co_return 1U;
    }

    std::chrono::steady_clock::time_point wait(const types::EventId& event) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(60),
                               [&] { return posted_.contains(event); })) {
            throw std::runtime_error("an event was not posted within a minute");
        }
        return posted_.at(event).at;
    }
    std::size_t posts() const {
        const std::lock_guard lock(mutex_);
        return posts_;
    }

private:
    struct Handed {
        std::chrono::steady_clock::time_point at;
        types::Bytes32 envelope_digest;
    };

    const std::size_t threshold_;
    const std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<types::EventId, Handed> posted_;
    std::size_t posts_ = 0;
};

class Fleet::Components final : public aggregator::ComponentRunner {
public:
    using Actions = base::Result<std::vector<types::AggregatorAction>>;
    async::Task<Actions> process_input(aggregator::Input /*input*/) override {
        co_return std::vector<types::AggregatorAction>{
            types::SubmitAction{types::EvmSubmitAction{chain_key(), {}, {}}}};
    }
    async::Task<Actions> timer_callback(aggregator::Input /*input*/) override {
        co_return std::vector<types::AggregatorAction>();
    }
    async::Task<base::Result<bool>> selects(aggregator::Input /*input*/) override {
        co_return false;
    }
    async::Task<base::Result<std::optional<std::vector<std::uint32_t>>>> select(
        aggregator::Input /*input*/, types::SubmitAction /*action*/,
        std::vector<aggregator::QuorumEntry> /*entries*/) override {
        co_return std::nullopt;
    }
    async::Task<base::Result<void>> submit_callback(aggregator::Input /*input*/,
                                                    aggregator::SubmitResult /*result*/) override {
        co_return base::ok();
    }
};

struct Fleet::Operator {
    std::unique_ptr<crypto::SecretKey> key;
    types::RegisteredServicePtr service;
    std::unique_ptr<storage::RocksdbStore> store;
    telemetry::Metrics metrics;
    std::unique_ptr<p2p::Network> network;
    std::unique_ptr<aggregator::SignerRegistry> registry;
    std::unique_ptr<aggregator::Exchange> exchange;
    std::unique_ptr<aggregator::Aggregator> aggregator;
    std::unique_ptr<async::TaskGroup> loops;
};

Fleet::Fleet(const std::filesystem::path& folder, std::size_t operators, std::size_t threshold)
    : chain_(std::make_unique<Chain>(threshold)), components_(std::make_unique<Components>()) {
    for (std::size_t i = 0; i < operators; ++i) {
        operators_.push_back(std::make_unique<Operator>());
        auto& one = *operators_.back();
        const base::Bytes bytes(32, static_cast<std::uint8_t>(i + 1));
        one.key = std::make_unique<crypto::SecretKey>(must(crypto::SecretKey::from_bytes(bytes)));
        one.service = service_of(crypto::address_of(crypto::public_key_of(*one.key)));
        const auto own = folder / std::to_string(i);
        std::filesystem::create_directories(own);
        one.store = must(storage::RocksdbStore::open(own / "db", {}, runtime_.io()));
    }
    connect();
}

void Fleet::connect() {
    std::vector<std::string> bootstrap;
    std::uint8_t number = 0;
    for (auto& operator_ptr : operators_) {
        auto& one = *operator_ptr;
        p2p::Identity identity;
        std::fill(identity.writable().begin(), identity.writable().end(), ++number);
        p2p::Options options;
        options.discovery = p2p::Discovery::Remote;
        options.listen_addresses = {"/ip4/127.0.0.1/tcp/0"};
        options.bootstrap_nodes = bootstrap;
        options.discovery_interval = std::chrono::seconds(1);
        one.network = must(p2p::start_network(
            options, identity, {rt::native_peer_library(), runtime_.io(), runtime_.blocking()}));
        one.registry = std::make_unique<aggregator::SignerRegistry>(
            [](const types::ServiceManager&, const types::EvmAddress&) { return yes(); }, clock_);
        one.exchange = std::make_unique<aggregator::Exchange>(
            aggregator::ExchangeDeps{*one.network, *one.store, *one.registry, clock_, timers_,
                                     one.metrics},
            aggregator::ExchangeOptions(), runtime_.io());
        one.aggregator = std::make_unique<aggregator::Aggregator>(
            aggregator::AggregatorDeps{
                *one.store, *components_,
                [this](const types::SubmitAction&)
                    -> async::Task<base::Result<std::shared_ptr<aggregator::Target>>> {
                    co_return std::shared_ptr<aggregator::Target>(chain_.get(), [](auto*) {});
                },
                [&one](const types::ServiceId&) { return one.service; }, clock_, timers_,
                one.metrics, one.exchange.get()},
            aggregator::AggregatorOptions(), runtime_.io());
        must(one.aggregator->open());
        one.loops = std::make_unique<async::TaskGroup>(async::make_strand(runtime_.io()), "fleet");
        one.loops->spawn("events", ignore(one.exchange->run_events()));
        one.loops->spawn("rounds", ignore(one.exchange->run_rounds()));
        one.aggregator->watch(one.service);
        if (bootstrap.empty()) {
            wait_until("a listening node", [&] {
                const auto status = must(async::testing::run(context_, one.network->status()));
                bootstrap = status.listen_addresses;
                return !bootstrap.empty();
            });
        }
    }
    wait_until("every operator to know all others", [&] {
        for (auto& one : operators_) {
            const auto status = must(async::testing::run(context_, one->network->status()));
            if (status.topics.empty() ||
                status.topics[0].subscribed_peers + 1 < operators_.size()) {
                return false;
            }
        }
        return true;
    });
}

Fleet::~Fleet() {
    for (auto& one : operators_) {
        one->network->stop();
        constexpr auto kGrace = std::chrono::seconds(5);
        (void)async::testing::run(context_, one->loops->stop(timers_, kGrace));
        (void)async::testing::run(context_, one->exchange->stop(kGrace));
        (void)async::testing::run(context_, one->aggregator->stop(kGrace));
    }
    runtime_.stop();
}

types::ResultRecord Fleet::result_of(const Operator& one, std::uint32_t event) const {
    types::ResultRecord result;
    result.event_sequence = event;
    auto& submission = result.submission;
    submission.trigger_action = action_of(one.service->id, event);
    submission.operator_response.payload = base::Bytes(64, 7);
    submission.event_id = types::default_event_id(submission.trigger_action);
    submission.envelope = types::make_envelope(submission.event_id, submission.operator_response);
    submission.envelope_signature.kind = types::kEvmSignatureKind;
    const auto signature = crypto::sign_recoverable(
        types::signing_hash(submission.envelope, types::kEvmSignatureKind), *one.key);
    submission.envelope_signature.data = base::to_bytes(signature.view());
    result.signer = one.service->signer;
    return result;
}

void Fleet::prepare(std::uint32_t first, std::uint32_t count) {
    prepared_.clear();
    for (std::size_t i = 0; i < operators_.size(); ++i) {
        for (std::uint32_t event = first; event < first + count; ++event) {
            prepared_.emplace(std::pair(i, event), result_of(*operators_[i], event));
        }
    }
}

void Fleet::hand_over(std::size_t index, std::uint32_t event) {
    auto& one = *operators_.at(index);
    auto result = prepared_.at({index, event});
    storage::Batch batch;
    aggregator::put(batch, result);
    must(one.store->write_unsynced(batch));
    one.aggregator->submit(std::move(result));
}

std::chrono::steady_clock::time_point Fleet::wait_posted(std::uint32_t event) {
    return chain_->wait(types::default_event_id(action_of(operators_[0]->service->id, event)));
}

std::size_t Fleet::posts() const { return chain_->posts(); }

std::size_t Fleet::open_queues(std::size_t index) const {
    return operators_.at(index)->aggregator->open_queues();
}

}  // namespace wavs::bench
