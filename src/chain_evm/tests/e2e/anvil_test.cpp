// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/evm_chain.hpp"
#include "wavs/chain_evm/testing/anvil.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/storage/memory_store.hpp"

#include <set>

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Anvil;

class AnvilTest : public testing::LoopTest {
protected:
    void SetUp() override {
        program_ = testing::anvil_program(WAVS_SOURCE_DIR);
        if (program_.empty()) {
            GTEST_SKIP() << "anvil is not installed: set WAVS_ANVIL, or run npm ci in contracts/";
        }
        start_anvil();
        make_chain();
    }
    void TearDown() override {
        if (chain_) {
            EXPECT_TRUE(run(group_.stop(timers_, seconds(3))).empty());
        }
    }
    void start_anvil(std::vector<std::string> more = {}) {
        auto started = Anvil::start(context_.get_executor(), program_, std::move(more), port_);
        ASSERT_TRUE(started.has_value()) << started.error().full_text();
        anvil_ = std::move(started.value());
        port_ = anvil_->port;
        run_until([this] { return anvil_->ready; });
    }
    enum class Endpoints { Both, WebSocketOnly };
    std::unique_ptr<EvmChain> new_chain(Endpoints endpoints) {
        types::EvmChainConfig config;
        if (endpoints == Endpoints::Both) {
            config.http_endpoint = anvil_->http();
        }
        config.ws_endpoints = {anvil_->ws()};
        types::NamedChainConfig named{"31337", config};
        ChainContext context{context_.get_executor(), dial(), http_, random_, nullptr, &store_};
        return EvmChain::make(types::ChainKey::parse("evm:31337").value(), named, context, events_)
            .value();
    }
    void make_chain() {
        chain_ = new_chain(Endpoints::Both);
        group_.spawn("subscriber", keep_running(chain_->subscriber()));
        group_.spawn("collect", collect(*this));
    }
    net::DialContext dial() { return {timers_, clock_, resolver_, {}, {}}; }
    static async::Task<void> keep_running(WsSubscriber& subscriber) {
        auto done = co_await subscriber.run();
        static_cast<void>(done);
    }
    static async::Task<void> collect(AnvilTest& test) {
        while (true) {
            auto event = co_await test.events_.receive();
            if (!event.has_value()) {
                co_return;
            }
            test.take(event.value());
        }
    }
    void take(const ChainEvent& event) {
        if (const auto* log = std::get_if<LogSeen>(&event)) {
            ++logs_;
            ids_.insert(*log->log.log_index + (*log->log.block_number << 20));
            last_log_ = log->log;
        } else if (std::holds_alternative<HeadSeen>(event)) {
            ++heads_;
            chain_->on_head();
        } else if (std::holds_alternative<FilterLive>(event)) {
            ++live_;
        } else if (std::holds_alternative<Disconnected>(event)) {
            ++lost_;
        }
    }
    std::shared_ptr<TxManager> account(std::size_t index) {
        auto made = run(chain_->transactions(testing::key(index)));
        EXPECT_TRUE(made.has_value()) << made.error().full_text();
        return made.value();
    }
    // From account 0, straight to the node, since no handler is involved.
    types::EvmAddress deploy(const std::string& name, base::ByteView arguments = {}) {
        const auto text = testing::read_file(std::string(WAVS_SOURCE_DIR) +
                                             "/contracts/artifacts/" + name + ".json");
        const auto document = types::json::Document::parse(std::string_view(text)).value();
        Transaction tx;
        tx.chain_id = 31337;
        tx.fee = LegacyFee{3'000'000'000};
        tx.gas_limit = 6'000'000;
        tx.data = testing::bytes(document.root().find("bytecode")->text());
        base::append(tx.data, arguments);
        return *send_plain(tx).contract_address;
    }
    Receipt send_plain(Transaction tx) {
        const auto receipt = send_any(std::move(tx));
        EXPECT_TRUE(receipt.success);
        return receipt;
    }
    Receipt send_any(Transaction tx) {
        auto client = chain_->client();
        const auto key = testing::key(0);
        tx.chain_id = 31337;
        tx.fee = LegacyFee{3'000'000'000};
        tx.gas_limit = tx.gas_limit == 0 ? 3'000'000 : tx.gas_limit;
        tx.nonce = run(client.transaction_count(crypto::address_of(crypto::public_key_of(*key)),
                                                BlockRef::pending()))
                       .value();
        const auto made = sign(tx, *key);
        auto sent = run(client.send_raw(made.raw));
        EXPECT_TRUE(sent.has_value()) << sent.error().full_text();
        EXPECT_EQ(sent.value(), made.hash);
        std::optional<Receipt> receipt;
        while (!receipt) {
            receipt = run(client.receipt(made.hash)).value();
        }
        return *receipt;
    }
    LogFilter filter_for(const types::EvmAddress& contract) {
        LogFilter out;
        out.addresses = {contract};
        out.topics = {types::Bytes32(hash::keccak256(base::as_bytes("NewTrigger(bytes)")))};
        return out;
    }
    static Selector selector(std::string_view signature) {
        return selector_of(hash::keccak256(base::as_bytes(signature)));
    }
    TxRequest trigger_request(const types::EvmAddress& contract) {
        TxRequest request;
        request.to = contract;
        request.data =
            encode_call(selector("addTrigger(bytes)"), {AbiValue::bytes(base::as_bytes("hello"))});
        return request;
    }
    // An operator that is its own signing key, with weight 10000; mined together with one block
    // more, so that the next reference block counts it.
    void register_operator(const types::EvmAddress& manager, const types::EvmAddress& who,
                           const crypto::SecretKey& key) {
        Transaction tx;
        tx.to = manager;
        tx.data =
            encode_call(fn::kRegisterOperator, {AbiValue::address(who), AbiValue::uint(10'000)});
        send_plain(tx);
        tx.data = encode_call(fn::kSetServiceUri, {AbiValue::string("http://127.0.0.1/m.json")});
        send_plain(tx);
        const types::Bytes32 digest(hash::keccak256(encode_arguments({AbiValue::address(who)})));
        const auto proof = crypto::sign_recoverable(digest, key);
        TxRequest request;
        request.to = manager;
        request.data = encode_call(fn::kUpdateOperatorSigningKey,
                                   {AbiValue::address(who), AbiValue::bytes(proof.view())});
        ASSERT_TRUE(run(account(1)->send(request)).has_value());
        for (int i = 0; i < 2; ++i) {
            ASSERT_TRUE(run(chain_->client().raw("evm_mine", "[]")).has_value());
        }
        chain_->on_head();
    }
    static async::Task<void> send_into(TxManager& manager, TxRequest request,
                                       std::vector<base::Result<Mined>>& out) {
        out.push_back(co_await manager.send(std::move(request)));
    }

    std::uint64_t pending_in_pool() {
        const auto status = run(chain_->client().raw("txpool_status", "[]"));
        const auto document = types::json::Document::parse(std::string_view(status.value()));
        return parse_quantity(document.value().root().find("pending")->text()).value();
    }

    storage::MemoryStore store_;
    base::SystemClock clock_;
    async::SystemTimers timers_;
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    ChainEvents events_{context_.get_executor(), "events", 64};
    std::string program_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Anvil> anvil_;
    std::unique_ptr<EvmChain> chain_;
    /// Here, because tasks of `group_` write to it.
    std::vector<base::Result<Mined>> results_;
    std::size_t logs_ = 0;
    std::set<std::uint64_t> ids_;
    std::optional<EvmLog> last_log_;
    std::size_t heads_ = 0;
    std::size_t live_ = 0;
    std::size_t lost_ = 0;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(AnvilTest, delivers_heads_and_logs_and_a_whole_trigger) {
    const auto contract = deploy("Trigger");
    chain_->subscriber().set_heads(true);
    chain_->subscriber().set_logs(filter_for(contract));
    run_until([this] { return live_ == 1; });
    const auto manager = account(0);
    auto receipt = run(manager->send(trigger_request(contract)));
    ASSERT_TRUE(receipt.has_value()) << receipt.error().full_text();
    run_until([this] { return logs_ == 1 && heads_ >= 1; });
    const auto data = to_trigger_data(*last_log_, chain_->key());
    ASSERT_TRUE(data.has_value());
    EXPECT_EQ(data.value().tx_hash, receipt.value().receipt.tx_hash);
    EXPECT_EQ(data.value().contract_address, contract);
    const auto fetched = run(get_logs_range(chain_->client(), filter_for(contract), 0,
                                            receipt.value().receipt.block_number));
    ASSERT_EQ(fetched.value().size(), 1U);
    EXPECT_EQ(key_of(fetched.value()[0]), key_of(*last_log_));
    EXPECT_TRUE(run(chain_->health()).healthy);
}

TEST_F(AnvilTest, fifty_transactions_in_flight_on_one_account_are_all_mined) {
    const auto contract = deploy("Trigger");
    chain_->subscriber().set_heads(true);
    run_until([this] { return chain_->subscriber().state().active_subscriptions.size() == 1; });
    ASSERT_TRUE(run(chain_->client().raw("evm_setAutomine", "[false]")).has_value());
    const auto manager = account(0);
    for (int i = 0; i < 50; ++i) {
        group_.spawn("send", send_into(*manager, trigger_request(contract), results_));
    }
    // In the pool: one that arrives between the block and `evm_setAutomine` would wait there until
    // another one comes.
    run_until([this] { return pending_in_pool() == 50; });
    EXPECT_EQ(manager->in_flight(), 50U);
    EXPECT_TRUE(results_.empty());
    ASSERT_TRUE(run(chain_->client().raw("evm_mine", "[]")).has_value());
    ASSERT_TRUE(run(chain_->client().raw("evm_setAutomine", "[true]")).has_value());
    run_until([this] { return results_.size() == 50; });
    std::set<types::Bytes32> hashes;
    for (const auto& result : results_) {
        ASSERT_TRUE(result.has_value()) << result.error().full_text();
        hashes.insert(result.value().receipt.tx_hash);
    }
    EXPECT_EQ(hashes.size(), 50U);
    EXPECT_EQ(manager->in_flight(), 0U);
}

TEST_F(AnvilTest, over_a_websocket_alone_many_are_sent_in_order_too) {
    const auto contract = deploy("Trigger");
    const auto chain = new_chain(Endpoints::WebSocketOnly);
    ASSERT_TRUE(run(chain->client().raw("evm_setAutomine", "[false]")).has_value());
    auto made = run(chain->transactions(testing::key(2)));
    ASSERT_TRUE(made.has_value()) << made.error().full_text();
    const auto& manager = made.value();
    std::vector<base::Result<Mined>> results;
    async::TaskGroup senders(context_.get_executor(), "senders");
    for (int i = 0; i < 150; ++i) {
        senders.spawn("send", send_into(*manager, trigger_request(contract), results));
    }
    run_until([&manager] { return manager->in_flight() == 150; });
    ASSERT_TRUE(run(chain->client().raw("evm_setIntervalMining", "[1]")).has_value());
    run_until([&results] { return results.size() == 150; });
    for (const auto& result : results) {
        ASSERT_TRUE(result.has_value()) << result.error().full_text();
    }
}

TEST_F(AnvilTest, changes_of_the_filter_under_load_lose_and_double_nothing) {
    const auto contract = deploy("Trigger");
    chain_->subscriber().set_logs(filter_for(contract));
    run_until([this] { return live_ == 1; });
    const auto manager = account(0);
    auto filter = filter_for(contract);
    for (std::uint8_t round = 1; round <= 8; ++round) {
        for (int i = 0; i < 10; ++i) {
            group_.spawn("send", send_into(*manager, trigger_request(contract), results_));
        }
        types::EvmAddress more;
        more.array()[19] = round;
        filter.addresses.push_back(more);
        chain_->subscriber().set_logs(filter);
        const auto wanted = live_ + 1;
        run_until([this, wanted] { return live_ >= wanted; });
    }
    run_until([this] { return results_.size() == 80; });
    run_until([this] { return logs_ >= 80; });
    EXPECT_EQ(logs_, 80U);
    EXPECT_EQ(ids_.size(), 80U);
    EXPECT_EQ(lost_, 0U);
}

TEST_F(AnvilTest, a_restarted_node_is_found_again) {
    auto contract = deploy("Trigger");
    chain_->subscriber().set_heads(true);
    chain_->subscriber().set_logs(filter_for(contract));
    run_until([this] { return live_ == 1; });
    ASSERT_TRUE(run(anvil_->child->terminate(timers_, seconds(5))).has_value());
    run_until([this] { return lost_ == 1; });
    EXPECT_FALSE(chain_->subscriber().state().is_connected);
    start_anvil();
    run_until([this] { return live_ == 2; });
    // A fresh chain: the same account deploys to the same address.
    EXPECT_EQ(deploy("Trigger"), contract);
    ASSERT_TRUE(run(account(0)->send(trigger_request(contract))).has_value());
    run_until([this] { return logs_ == 1; });
}

TEST_F(AnvilTest, what_another_account_posted_is_found_until_it_is_in_no_block) {
    // Contracts of one byte: one takes every call, the other fails at each.
    const auto deploy_byte = [this](std::string_view code) {
        Transaction tx;
        tx.data = testing::bytes(fmt::format("6001600c60003960016000f3{}", code));
        return *send_plain(tx).contract_address;
    };
    const auto takes = deploy_byte("00");
    const auto fails = deploy_byte("fe");
    types::Envelope envelope;
    envelope.event_id.array()[0] = 1;
    Transaction call;
    call.gas_limit = 100'000;
    call.data = encode_handle_signed_envelope(
        envelope, make_signature_data({{takes, base::Bytes(65, 7)}}, 1));
    call.to = fails;
    EXPECT_FALSE(send_any(call).success);
    const auto before = run(chain_->client().block_number()).value();
    const auto snapshot = run(chain_->client().raw("evm_snapshot", "[]")).value();
    call.to = takes;
    const auto posted = send_any(call);

    chain_->on_head();
    const auto find = [&](const types::EvmAddress& handler) {
        return run(chain_->posted().find(handler, envelope.event_id, 0));
    };
    const auto found = find(takes);
    ASSERT_TRUE(found.has_value() && found.value());
    EXPECT_EQ(found.value()->tx_hash, posted.tx_hash);
    EXPECT_EQ(found.value()->block, posted.block_number);
    EXPECT_EQ(find(fails).value().has_value(), false);
    EXPECT_EQ(run(chain_->head()).value(), posted.block_number);
    // Blocks of one second get times ahead of the clock.
    const types::Timestamp later{clock_.wall_now().nanos + 60'000'000'000};
    EXPECT_EQ(run(chain_->block_at(later)).value(), posted.block_number);
    EXPECT_EQ(run(chain_->block_at(types::Timestamp())).value(), 0U);

    ASSERT_TRUE(run(chain_->client().raw("evm_revert", "[" + snapshot + "]")).has_value());
    chain_->on_reorganisation();
    EXPECT_EQ(run(chain_->head()).value(), before);
    EXPECT_EQ(find(takes).value().has_value(), false);
}

TEST_F(AnvilTest, a_whole_quorum_from_revert_to_success) {
    const auto owner = crypto::address_of(crypto::public_key_of(*testing::key(0)));
    const auto signer_key = testing::key(1);
    const auto signer = crypto::address_of(crypto::public_key_of(*signer_key));
    const auto manager =
        deploy("PoaServiceManager", encode_arguments({AbiValue::address(owner), AbiValue::uint(100),
                                                      AbiValue::uint(1), AbiValue::uint(1)}));
    const auto handler = deploy("ServiceHandler", encode_arguments({AbiValue::address(manager)}));
    auto managers = chain_->service_managers();
    EXPECT_EQ(run(managers.get_service_manager(handler)).value(), manager);

    types::Envelope envelope;
    envelope.event_id.array()[0] = 1;
    envelope.payload = encode_arguments(
        {AbiValue::uint(32), AbiValue::uint(1), AbiValue::uint(64), AbiValue::uint(0)});
    const auto digest = types::signing_hash(envelope, types::kEvmSignatureKind);
    const auto signature = crypto::sign_recoverable(digest, *signer_key);
    const std::vector<SignerSignature> one{{signer, base::to_bytes(signature.view())}};

    auto outcome = run(managers.validate(handler, envelope, one));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().full_text();
    EXPECT_EQ(std::get<ValidateWait>(outcome.value()).text,
              "Service manager validate(): SignerNotRegistered (0x3dda1739)");

    register_operator(manager, signer, *signer_key);
    EXPECT_EQ(run(managers.operator_for_signing_key(manager, signer)).value(), signer);
    EXPECT_EQ(to_u64(run(managers.operator_weight(manager, signer)).value()), 10'000U);
    EXPECT_EQ(run(managers.get_service_uri(manager)).value(), "http://127.0.0.1/m.json");
    outcome = run(managers.validate(handler, envelope, one));
    ASSERT_TRUE(outcome.has_value() && std::holds_alternative<QuorumReached>(outcome.value()));
    const auto& reached = std::get<QuorumReached>(outcome.value());

    const auto account_0 = account(0);
    TxRequest request;
    request.to = handler;
    request.data = encode_handle_signed_envelope(envelope, reached.signatures);
    const auto receipt = run(account_0->send(request));
    ASSERT_TRUE(receipt.has_value()) << receipt.error().full_text();
    // The second time the handler refuses, before anything is sent.
    const auto again = run(account_0->send(request));
    EXPECT_TRUE(again.error().message().starts_with("EVM client: No Transaction Receipt: "))
        << again.error().message();
    EXPECT_NE(again.error().message().find("EventAlreadyHandled"), std::string::npos)
        << again.error().message();
    const auto block = run(chain_->client().block_with_transactions(
        BlockRef::at(receipt.value().receipt.block_number)));
    ASSERT_EQ(block.value()->transactions.size(), 1U);
    const auto seen = decode_handle_signed_envelope(block.value()->transactions[0].input);
    EXPECT_EQ(seen.value().envelope, envelope);
}

}  // namespace
}  // namespace wavs::chain_evm
