// SPDX-License-Identifier: Apache-2.0
#include "posting.hpp"

#include "wavs/chain_evm/numbers.hpp"
#include "wavs/cli/programs.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/json.hpp"

namespace wavs::e2e {

namespace {

async::Task<base::Result<std::shared_ptr<aggregator::Target>>> give(
    std::shared_ptr<aggregator::Target> target) {
    co_return target;
}

async::Task<bool> stop_now(aggregator::Aggregator& aggregator) {
    static_cast<void>(co_await aggregator.stop(std::chrono::seconds(5)));
    co_return true;
}

}  // namespace

void ChainProxy::set(Mode mode, std::string method) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
    method_ = std::move(method);
}

async::Task<net::Response> ChainProxy::on_request(net::Request request) {
    ++requests_;
    Mode mode = Mode::Pass;
    {
        const std::lock_guard lock(mutex_);
        mode = request.body.find(method_) == std::string::npos ? Mode::Pass : mode_;
    }
    net::Response response;
    if (mode != Mode::KeepRequest) {
        net::ClientRequest onward;
        onward.method = "POST";
        onward.url = target;
        onward.headers.add("content-type", "application/json");
        onward.body = std::move(request.body);
        onward.idempotent = true;
        auto answer = co_await http_.send(std::move(onward));
        response.status = answer.has_value() ? answer.value().status : 502;
        response.body = answer.has_value() ? std::move(answer.value().body) : std::string();
    }
    if (mode != Mode::Pass) {
        ++kept_;
        static_cast<void>(co_await timers_.sleep_for(std::chrono::seconds(60)));
    }
    co_return response;
}

/// Posts everything to the one handler.
class Posting::Components final : public aggregator::ComponentRunner {
public:
    explicit Components(types::SubmitAction action) : action_(std::move(action)) {}
    async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        aggregator::Input /*input*/) override {
        co_return std::vector<types::AggregatorAction>{action_};
    }
    async::Task<base::Result<std::vector<types::AggregatorAction>>> timer_callback(
        aggregator::Input /*input*/) override {
        co_return std::vector<types::AggregatorAction>{};
    }
    async::Task<base::Result<void>> submit_callback(aggregator::Input /*input*/,
                                                    aggregator::SubmitResult /*result*/) override {
        co_return base::ok();
    }
    async::Task<base::Result<bool>> selects(aggregator::Input /*input*/) override {
        co_return false;
    }
    async::Task<base::Result<std::optional<std::vector<std::uint32_t>>>> select(
        aggregator::Input /*input*/, types::SubmitAction /*action*/,
        std::vector<aggregator::QuorumEntry> /*entries*/) override {
        co_return std::nullopt;
    }

private:
    types::SubmitAction action_;
};

Posting::~Posting() {
    if (aggregator_) {
        crash();
    }
    proxy_server_.reset();
    pipeline_.stop();
}

void Posting::start_posting() {
    cli::DevnetOptions options;
    options.folder = folder_;
    options.anvil_program = cli::find_anvil({WAVS_SOURCE_DIR, WAVS_SOURCE_DIR, ""}, {}).value();
    options.patience = std::chrono::seconds(60);
    devnet_ = std::make_unique<cli::Devnet>(std::move(options), tools_);
    must(devnet_->start_chain());
    contracts_ = must(devnet_->deploy_contracts());
    must(devnet_->register_operator_key(contracts_.manager, 10'000, 0, 1));
    wallet_ = std::make_shared<const crypto::SecretKey>(
        crypto::SecretKey::from_hex(cli::node_wallet(0)).value());
    const auto payer = crypto::address_of(crypto::public_key_of(*wallet_));
    must(devnet_->anvil().set_balance(
        payer, chain_evm::Wei{10'000} * chain_evm::Wei{1'000'000'000'000'000'000ULL}));
    auto service = std::make_shared<types::RegisteredService>();
    service->service.manager = types::EvmManager{cli::Devnet::chain(), contracts_.manager};
    service->service.workflows[types::WorkflowId()].submit = types::SubmitAggregator{};
    service->id = service->service.id();
    service_ = service;
    components_ = std::make_unique<Components>(
        types::EvmSubmitAction{cli::Devnet::chain(), contracts_.handler, {}});
    proxy_ = std::make_unique<ChainProxy>(pipeline_http_, timers_);
    proxy_->target = devnet_->anvil().http_url();
    proxy_server_ = net::HttpServer::listen(threads_.io(), timers_, *proxy_, {}).value();
    restart();
}

void Posting::crash() {
    run(stop_now(*aggregator_));
    aggregator_.reset();
    target_.reset();
    chain_.reset();
    events_.reset();
    store_.reset();
}

void Posting::restart() {
    store_ = storage::RocksdbStore::open(folder_ / "db").value();
    events_ = std::make_unique<chain_evm::ChainEvents>(pipeline_.io(), "chain", 64);
    types::EvmChainConfig config;
    config.http_endpoint = proxy_server_->url();
    const types::NamedChainConfig named{"31337", config};
    const chain_evm::ChainContext context{pipeline_.io(),  {timers_, clock_, resolver_, {}, {}},
                                          pipeline_http_,  random_,
                                          nullptr,         store_.get(),
                                          receipt_timeout_};
    chain_ = chain_evm::EvmChain::make(cli::Devnet::chain(), named, context, *events_).value();
    target_ = std::make_shared<aggregator::EvmTarget>(*chain_, wallet_);
    aggregator::AggregatorDeps deps{
        *store_,
        *components_,
        [this](const types::SubmitAction& /*action*/) { return give(target_); },
        [this](const types::ServiceId& /*id*/) { return service_; },
        clock_,
        timers_,
        metrics_};
    aggregator_ = std::make_unique<aggregator::Aggregator>(
        std::move(deps), aggregator::AggregatorOptions{}, pipeline_.io());
}

types::ResultRecord Posting::result(std::uint64_t trigger_id) const {
    using chain_evm::AbiValue;
    const auto* signer = signers_.at(1).value();
    types::ResultRecord out;
    out.event_sequence = trigger_id;
    out.signer = signer->address();
    auto& submission = out.submission;
    submission.trigger_action = {
        {service_->id, types::WorkflowId(), types::ManualTrigger{}},
        types::RawData{base::to_bytes(base::as_bytes(std::to_string(trigger_id)))}};
    submission.event_id = types::default_event_id(submission.trigger_action);
    types::WasmResponse response;
    // (uint64 trigger id, bytes data) as one dynamic tuple.
    response.payload = chain_evm::encode_arguments(
        {AbiValue::uint(32), AbiValue::uint(trigger_id), AbiValue::uint(64), AbiValue::uint(0)});
    submission.operator_response = response;
    submission.envelope = types::make_envelope(submission.event_id, response);
    submission.envelope_signature = signer->sign(submission.envelope, types::kEvmSignatureKind);
    return out;
}

void Posting::submit(std::uint64_t first, std::uint64_t count) {
    storage::Batch batch;
    for (auto id = first; id < first + count; ++id) {
        aggregator::put(batch, result(id));
    }
    must(store_->commit(std::move(batch)));
    resubmit(first, count);
}

void Posting::resubmit(std::uint64_t first, std::uint64_t count) {
    for (auto id = first; id < first + count; ++id) {
        aggregator_->resume(service_->id, id, 0);
    }
}

void Posting::use_nonce_elsewhere() {
    auto rpc = devnet_->anvil().rpc();
    const auto payer = crypto::address_of(crypto::public_key_of(*wallet_));
    chain_evm::Transaction tx;
    tx.chain_id = 31337;
    tx.nonce = must(rpc.transaction_count(payer, chain_evm::BlockRef::pending()));
    tx.fee = chain_evm::LegacyFee{3'000'000'000};
    tx.gas_limit = 21'000;
    tx.to = payer;
    must(rpc.send_raw(chain_evm::sign(tx, *wallet_).raw));
    must(devnet_->anvil().mine());
}

types::ResultRecord Posting::stored(std::uint64_t trigger_id) const {
    const auto bytes =
        store_->get(storage::Keyspace::Results, types::result_key(trigger_id, 0)).value();
    return types::decode_result_record(bytes.value()).value();
}

std::size_t Posting::burned(std::uint64_t first, std::uint64_t count) {
    std::size_t out = 0;
    for (auto id = first; id < first + count; ++id) {
        out += stored(id).state == types::ResultState::Burned ? 1 : 0;
    }
    return out;
}

std::uint64_t Posting::pending() {
    const auto status = must(devnet_->anvil().rpc().raw("txpool_status", "[]"));
    const auto document = types::json::Document::parse(std::string_view(status)).value();
    return chain_evm::parse_quantity(document.root().find("pending")->text()).value();
}

Posting::Sent Posting::sent_to_handler() {
    auto rpc = devnet_->anvil().rpc();
    Sent out;
    const auto head = must(rpc.block_number());
    for (std::uint64_t number = 0; number <= head; ++number) {
        const auto block = must(rpc.block_with_transactions(chain_evm::BlockRef::at(number)));
        for (const auto& transaction : block->transactions) {
            if (transaction.to == contracts_.handler) {
                ++out.transactions;
                out.blocks.insert(number);
                const auto receipt = must(rpc.receipt(transaction.hash));
                out.reverted += receipt && !receipt->success ? 1 : 0;
            }
        }
    }
    return out;
}

}  // namespace wavs::e2e
