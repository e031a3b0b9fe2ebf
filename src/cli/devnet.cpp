// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/devnet.hpp"

#include "wavs/base/assert.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/hash/hash.hpp"

#include <array>
#include <charconv>

namespace wavs::cli {
namespace {

constexpr std::array<std::string_view, Devnet::kMaxNodes> kMnemonics = {
    "aspect mushroom fly cousin hobby body need dose blind siren shoe annual",
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "jelly better achieve collect unaware mountain thought cargo oxygen act hood bridge",
    "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
    "scheme spot photo card baby mountain device kick cradle pact join borrow",
    "cat swing flag economy stadium alone churn speed unique patch report train",
    "vessel ladder alter error federal sibling chat ability sun glass valve picture"};

// 10,000 ether.
constexpr chain_evm::Wei kWalletBalance =
    chain_evm::Wei{10'000} * chain_evm::Wei{1'000'000'000'000'000'000ULL};

base::Error no_such_node(unsigned index) {
    return {base::ErrorKind::Invalid, "devnet_node",
            fmt::format("a devnet has nodes 0 to {}, not {}", Devnet::kMaxNodes - 1, index)};
}

base::Error wrong_signer(const SignerReply& reply, const types::EvmAddress& ours) {
    return {base::ErrorKind::Conflict, "devnet_signer",
            fmt::format("the node signs as {} with index {}, its mnemonic gives {}",
                        types::to_checksum_string(reply.address), reply.hd_index,
                        types::to_checksum_string(ours)),
            "start from an empty folder"};
}

}  // namespace

base::Result<std::string_view> node_mnemonic(unsigned index) {
    if (index >= kMnemonics.size()) {
        return no_such_node(index);
    }
    return kMnemonics.at(index);
}

std::string node_wallet(unsigned index) {
    const auto name = fmt::format("wavs devnet wallet {}", index);
    return base::hex0x(hash::keccak256(base::as_bytes(name)));
}

base::Result<types::EvmAddress> node_wallet_address(unsigned index) {
    WAVS_TRY(const auto wallet, crypto::Keyring::from_credential(node_wallet(index)));
    WAVS_TRY(const auto* payer, wallet.at(0));
    return payer->address();
}

Devnet::Devnet(DevnetOptions options, Tools tools)
    : options_(std::move(options)), tools_(std::move(tools)), nodes_(kMaxNodes) {
    auto owner = anvil_account(0);
    WAVS_ASSERT(owner.has_value());
    owner_ = owner.value();
}
Devnet::~Devnet() = default;

const types::ChainKey& Devnet::chain() {
    static const auto key = types::ChainKey::parse("evm:31337").value();
    return key;
}

Anvil& Devnet::anvil() {
    WAVS_ASSERT(anvil_ != nullptr);
    return *anvil_;
}

bool Devnet::has_node(unsigned index) const {
    return index < nodes_.size() && nodes_[index].process != nullptr;
}

NodeProcess& Devnet::node(unsigned index) {
    WAVS_ASSERT(has_node(index));
    return *nodes_[index].process;
}

base::Result<types::EvmAddress> Devnet::operator_address(unsigned node) const {
    return anvil_account(1 + node);
}

std::string Devnet::ended_process() const {
    for (unsigned i = 0; i < nodes_.size(); ++i) {
        const auto& slot = nodes_[i];
        if (slot.process && !slot.ended && !slot.process->running()) {
            return fmt::format("node {}", i);
        }
    }
    return anvil_ && !anvil_->running() ? "anvil" : "";
}

NodeSetup Devnet::setup_of(unsigned index) const {
    NodeSetup setup;
    setup.folder = options_.folder / fmt::format("node-{}", index);
    setup.port = nodes_[index].port;
    setup.chain_http_url = anvil_->http_url();
    setup.chain_ws_url = anvil_->ws_url();
    setup.signing_mnemonic = kMnemonics.at(index);
    setup.evm_credential = node_wallet(index);
    setup.log_level = options_.log_level;
    setup.extra_config = options_.node_config;
    if (options_.peers) {
        setup.peers = PeerSetup{nodes_[index].peer_port, {}};
        if (index != 0) {
            setup.peers->bootstrap_nodes = {nodes_[0].peer_address};
        }
    }
    return setup;
}

async::Task<base::Result<void>> Devnet::start_chain() { co_return co_await start_chain_on(0); }

async::Task<base::Result<void>> Devnet::start_chain_on(std::uint16_t port) {
    AnvilOptions anvil;
    anvil.port = port;
    anvil.program = options_.anvil_program;
    anvil.args = options_.anvil_args;
    anvil.log_file = options_.folder / "anvil.log";
    WAVS_CO_TRY(anvil_, co_await Anvil::start(tools_, std::move(anvil)));
    co_return base::ok();
}

async::Task<base::Result<types::EvmAddress>> Devnet::deploy(base::Bytes code) {
    WAVS_CO_TRY(const auto receipt,
                co_await anvil().send_and_wait(owner_, std::nullopt, std::move(code)));
    if (!receipt.contract_address) {
        co_return base::Error(base::ErrorKind::Unavailable, "devnet_deploy",
                              "the receipt of a deployment names no contract");
    }
    co_return *receipt.contract_address;
}

async::Task<base::Result<Contracts>> Devnet::deploy_contracts(QuorumRule rule) {
    Contracts out;
    WAVS_CO_TRY(auto manager, deploy_manager_data(owner_, rule));
    WAVS_CO_TRY(out.manager, co_await deploy(std::move(manager)));
    WAVS_CO_TRY(auto handler, deploy_handler_data(out.manager));
    WAVS_CO_TRY(out.handler, co_await deploy(std::move(handler)));
    WAVS_CO_TRY(auto trigger, deploy_trigger_data());
    WAVS_CO_TRY(out.trigger, co_await deploy(std::move(trigger)));
    co_return out;
}

async::Task<base::Result<void>> Devnet::start_node(unsigned index) {
    if (index >= kMaxNodes) {
        co_return no_such_node(index);
    }
    if (options_.peers && index != 0 && nodes_[0].peer_address.empty()) {
        co_return base::Error(base::ErrorKind::Invalid, "devnet_peers",
                              fmt::format("node {} has nobody to introduce it", index),
                              "start node 0 before the others");
    }
    WAVS_CO_TRY(const auto payer, node_wallet_address(index));
    WAVS_CO_TRY(co_await anvil().set_balance(payer, kWalletBalance));

    NodeProcessOptions options;
    options.program = options_.wavs_program;
    options.setup = setup_of(index);
    options.args = options_.node_args;
    options.env = options_.node_env;
    options.on_line = options_.on_node_line;
    std::error_code error;
    std::filesystem::create_directories(options.setup.folder, error);
    auto& slot = nodes_[index];
    WAVS_CO_TRY(slot.process, co_await NodeProcess::start(tools_, std::move(options)));
    slot.ended = false;
    slot.port = slot.process->port();
    if (options_.peers) {
        co_return co_await learn_peer_address(index);
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Devnet::learn_peer_address(unsigned index) {
    constexpr std::string_view kLoopback = "/ip4/127.0.0.1/tcp/";
    auto& slot = nodes_[index];
    Poller poller(tools_, options_.patience, fmt::format("peer address of node {}", index));
    while (true) {
        WAVS_CO_TRY(const auto status, co_await slot.process->client().peers());
        for (const auto& address : status.listen_addresses) {
            if (!status.peer_id || !address.starts_with(kLoopback)) {
                continue;
            }
            const auto digits = std::string_view(address).substr(kLoopback.size());
            std::from_chars(digits.data(), digits.data() + digits.size(), slot.peer_port);
            slot.peer_address =
                fmt::format("{}{}/p2p/{}", kLoopback, slot.peer_port, *status.peer_id);
            co_return base::ok();
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
}

async::Task<base::Result<void>> Devnet::wait_peers(std::size_t count, unsigned index,
                                                   std::optional<types::ServiceId> service) {
    const auto topic =
        service ? fmt::format("wavs/{}/topic/v1", types::to_string(*service)) : std::string();
    Poller poller(tools_, options_.patience, fmt::format("{} peers of node {}", count, index));
    while (true) {
        WAVS_CO_TRY(const auto status, co_await node(index).client().peers());
        const auto gossiping = status.topic_peers.find(topic);
        const bool enough =
            topic.empty() || (gossiping != status.topic_peers.end() && gossiping->second >= count);
        if (enough && status.peer_ids.size() >= count) {
            co_return base::ok();
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
}

async::Task<base::Result<types::ComponentDigest>> Devnet::upload_component(base::Bytes component,
                                                                           unsigned index) {
    co_return co_await node(index).client().upload_component(std::move(component));
}

async::Task<base::Result<types::ServiceDigest>> Devnet::publish(types::Service service,
                                                                unsigned index) {
    const auto* manager = std::get_if<types::EvmManager>(&service.manager);
    if (manager == nullptr) {
        co_return base::Error(base::ErrorKind::Invalid, "devnet_manager",
                              "a devnet has only EVM managers");
    }
    const auto address = manager->address;
    auto& client = node(index).client();
    WAVS_CO_TRY(const auto digest, co_await client.save_manifest(std::move(service)));
    auto call = set_service_uri_call(client.manifest_url(digest));
    WAVS_CO_TRY(co_await anvil().send_and_wait(owner_, address, std::move(call)));
    co_return digest;
}

async::Task<base::Result<void>> Devnet::register_service(const types::Service& service,
                                                         unsigned index) {
    auto manager = service.manager;
    co_return co_await node(index).client().add_service(std::move(manager));
}

async::Task<base::Result<SignerReply>> Devnet::register_operator(types::EvmAddress manager,
                                                                 std::uint64_t weight,
                                                                 unsigned index) {
    types::ServiceManager asked = types::EvmManager{chain(), manager};
    WAVS_CO_TRY(const auto reply, co_await node(index).client().signer(std::move(asked)));
    WAVS_CO_TRY(co_await register_key(manager, weight, index, reply.hd_index, reply.address));
    co_return reply;
}

async::Task<base::Result<std::vector<SignerReply>>> Devnet::register_operators(
    types::EvmAddress manager, std::vector<std::uint64_t> weights) {
    std::vector<SignerReply> out;
    for (unsigned i = 0; i < weights.size(); ++i) {
        WAVS_CO_TRY(const auto signer, co_await register_operator(manager, weights[i], i));
        out.push_back(signer);
    }
    co_return std::move(out);
}

async::Task<base::Result<void>> Devnet::register_operator_key(types::EvmAddress manager,
                                                              std::uint64_t weight, unsigned index,
                                                              std::uint32_t hd_index) {
    co_return co_await register_key(manager, weight, index, hd_index, std::nullopt);
}

async::Task<base::Result<void>> Devnet::register_key(types::EvmAddress manager,
                                                     std::uint64_t weight, unsigned index,
                                                     std::uint32_t hd_index,
                                                     std::optional<types::EvmAddress> expected) {
    WAVS_CO_TRY(const auto phrase, node_mnemonic(index));
    WAVS_CO_TRY(const auto keys, crypto::Keyring::from_mnemonic(phrase));
    WAVS_CO_TRY(const auto* key, keys.at(hd_index));
    if (expected && *expected != key->address()) {
        co_return wrong_signer({hd_index, *expected}, key->address());
    }
    WAVS_CO_TRY(const auto who, operator_address(index));
    auto add = register_operator_call(who, weight);
    WAVS_CO_TRY(co_await anvil().send_and_wait(owner_, manager, std::move(add)));
    auto set_key = update_signing_key_call(key->address(), prove_possession(who, *key));
    WAVS_CO_TRY(co_await anvil().send_and_wait(who, manager, std::move(set_key)));
    // A signature counts only for a reference block at or after the registration, and that block
    // must be over.
    co_return co_await anvil().mine(1);
}

async::Task<base::Result<void>> Devnet::wait_subscribed(types::EvmAddress trigger, unsigned index) {
    Poller poller(tools_, options_.patience, "subscription of the trigger contract");
    while (true) {
        WAVS_CO_TRY(const auto streams, co_await node(index).client().trigger_streams());
        const auto stream = streams.find(chain());
        if (stream != streams.end() && stream->second.watches(trigger, new_trigger_topic())) {
            co_return base::ok();
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
}

async::Task<base::Result<void>> Devnet::kill_node(unsigned index) {
    nodes_[index].ended = true;
    WAVS_CO_TRY(co_await node(index).kill());
    co_return base::ok();
}

async::Task<base::Result<void>> Devnet::stop_node(unsigned index) {
    nodes_[index].ended = true;
    WAVS_CO_TRY(co_await node(index).stop());
    co_return base::ok();
}

async::Task<base::Result<void>> Devnet::restart_node(unsigned index) {
    if (has_node(index) && node(index).running()) {
        WAVS_CO_TRY(co_await stop_node(index));
    }
    co_return co_await start_node(index);
}

async::Task<base::Result<void>> Devnet::restart_chain() {
    const auto port = anvil().port();
    WAVS_CO_TRY(co_await anvil().stop());
    co_return co_await start_chain_on(port);
}

async::Task<void> Devnet::stop() {
    for (auto& slot : nodes_) {
        if (slot.process) {
            static_cast<void>(co_await slot.process->stop());
        }
    }
    if (anvil_) {
        static_cast<void>(co_await anvil_->stop());
    }
}

}  // namespace wavs::cli
