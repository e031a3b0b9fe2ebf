// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/anvil.hpp"
#include "wavs/cli/contracts.hpp"
#include "wavs/cli/demo_service.hpp"
#include "wavs/cli/node_process.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wavs::cli {

struct DevnetOptions {
    /// Must exist. One folder per node is made below it.
    std::filesystem::path folder;
    std::string anvil_program;
    std::string wavs_program;
    std::vector<std::string> anvil_args;
    std::vector<std::string> node_args;
    std::vector<std::pair<std::string, std::string>> node_env;
    /// Node 0 introduces the others to each other, so it is started first. Without it no node has
    /// a port for peers.
    bool peers = false;
    /// Further tables for each `wavs.toml`.
    std::string node_config;
    std::vector<std::string> log_level{"info"};
    /// Each line that a node writes.
    std::function<void(std::string_view)> on_node_line;
    /// For anything that a devnet waits for.
    base::Duration patience = std::chrono::seconds(30);
};

/// One set of contracts: a service, before it has a manifest.
struct Contracts {
    types::EvmAddress manager;
    types::EvmAddress handler;
    types::EvmAddress trigger;
};

struct FiredEvent {
    std::uint64_t trigger_id = 0;
    types::Bytes32 tx_hash;
    std::uint64_t block_number = 0;
};

/// What the handler contract has taken.
struct HandledEvent {
    types::EventId event_id;
    std::uint64_t trigger_id = 0;
    base::Bytes data;
    types::Bytes32 tx_hash;
    std::uint64_t block_number = 0;
    /// When a transaction to the handler was first seen, in the pool or in a block.
    base::WallTime sent_at;
};

/// A transaction with a result, in a block.
struct ResultTransaction {
    types::EventId event_id;
    types::Bytes32 tx_hash;
    types::EvmAddress sender;
    std::vector<types::EvmAddress> signers;
    std::uint64_t block_number = 0;
    bool reverted = false;
};

/// A whole local network: an EVM chain, nodes, contracts, a service. The steps are methods, to be
/// called in the order in which they stand here; tests leave out or repeat what they like. Chain:
/// "evm:31337". Account 0 of anvil deploys and owns, account 1 + n is operator n. All processes end
/// when it is destroyed, or with the thread that started them. Use from the strand of its tools.
class Devnet {
public:
    static constexpr unsigned kMaxNodes = 10;

    Devnet(DevnetOptions options, Tools tools);
    ~Devnet();
    Devnet(const Devnet&) = delete;
    Devnet& operator=(const Devnet&) = delete;

    /// Mines each transaction at once until `anvil().mine_every()` or `mine_manually()`.
    async::Task<base::Result<void>> start_chain();
    async::Task<base::Result<Contracts>> deploy_contracts(QuorumRule rule = {});

    /// Nodes 0 to kMaxNodes - 1, each with its own mnemonic and its own funded wallet.
    async::Task<base::Result<void>> start_node(unsigned index = 0);
    async::Task<base::Result<types::ComponentDigest>> upload_component(base::Bytes component,
                                                                       unsigned node = 0);
    /// Saves the manifest on a node and makes its address the manager's service URI.
    async::Task<base::Result<types::ServiceDigest>> publish(types::Service service,
                                                            unsigned node = 0);
    /// `POST /services`.
    async::Task<base::Result<void>> register_service(const types::Service& service,
                                                     unsigned node = 0);
    /// Asks the node for its signing key, registers the operator with it, mines a block. The
    /// address the node reports must be the one its mnemonic gives.
    async::Task<base::Result<SignerReply>> register_operator(types::EvmAddress manager,
                                                             std::uint64_t weight = 10'000,
                                                             unsigned node = 0);
    /// As above for nodes 0 to weights.size() - 1.
    async::Task<base::Result<std::vector<SignerReply>>> register_operators(
        types::EvmAddress manager, std::vector<std::uint64_t> weights);
    /// As `register_operator` with a key of ours, for a devnet without a node.
    async::Task<base::Result<void>> register_operator_key(types::EvmAddress manager,
                                                          std::uint64_t weight, unsigned node,
                                                          std::uint32_t hd_index);
    /// Until the node is connected to that many peers and, with a service, as many of them gossip
    /// about it.
    async::Task<base::Result<void>> wait_peers(
        std::size_t count, unsigned node = 0,
        std::optional<types::ServiceId> service = std::nullopt);
    /// Until the node's stream has the trigger contract and its event among its filters.
    async::Task<base::Result<void>> wait_subscribed(types::EvmAddress trigger, unsigned node = 0);

    /// Sends `addTrigger` and waits for its block; with manual mining, `send_trigger` and `fired`.
    async::Task<base::Result<FiredEvent>> fire(types::EvmAddress trigger, base::Bytes data);
    async::Task<base::Result<types::Bytes32>> send_trigger(types::EvmAddress trigger,
                                                           base::Bytes data);
    async::Task<base::Result<FiredEvent>> fired(types::Bytes32 tx_hash);
    /// Until the handler has a result for that trigger id.
    async::Task<base::Result<HandledEvent>> wait_handled(types::EvmAddress handler,
                                                         FiredEvent event);
    /// Results so far, oldest first.
    async::Task<base::Result<std::vector<HandledEvent>>> handled(types::EvmAddress handler,
                                                                 std::uint64_t from_block = 0);
    /// Every transaction with a result that was sent to the handler, also those that reverted.
    async::Task<base::Result<std::vector<ResultTransaction>>> result_transactions(
        types::EvmAddress handler, std::uint64_t from_block = 0);
    /// `getData(trigger id)` of the handler.
    async::Task<base::Result<base::Bytes>> read_result(types::EvmAddress handler,
                                                       std::uint64_t trigger_id);
    async::Task<base::Result<std::optional<base::Bytes>>> kv_read(types::ServiceId service,
                                                                  std::string bucket,
                                                                  std::string key,
                                                                  unsigned node = 0);
    /// Until that value is there and equal, as the submit callback's "submit-result/completed".
    async::Task<base::Result<void>> wait_kv(types::ServiceId service, std::string bucket,
                                            std::string key, std::string value, unsigned node = 0);

    /// SIGKILL, as a crash.
    async::Task<base::Result<void>> kill_node(unsigned index = 0);
    async::Task<base::Result<void>> stop_node(unsigned index = 0);
    /// Of the nodes that are started from here on, in place of the one in the options.
    void set_node_env(std::vector<std::pair<std::string, std::string>> env) {
        options_.node_env = std::move(env);
    }
    /// On the same data and the same ports.
    async::Task<base::Result<void>> restart_node(unsigned index = 0);
    /// SIGTERM and a new start on the same port, with what anvil keeps: everything in blocks when
    /// its arguments have `--state` with a file, and nothing of its pool. It mines at once again.
    async::Task<base::Result<void>> restart_chain();
    /// The nodes, then the chain. What has ended already is no error.
    async::Task<void> stop();

    bool has_chain() const { return anvil_ != nullptr; }
    Anvil& anvil();
    bool has_node(unsigned index = 0) const;
    /// It must have been started.
    NodeProcess& node(unsigned index = 0);
    types::EvmAddress owner() const { return owner_; }
    base::Result<types::EvmAddress> operator_address(unsigned node) const;
    static const types::ChainKey& chain();
    /// The name of a process that ended by itself; empty while none has.
    std::string ended_process() const;

private:
    struct Slot {
        std::unique_ptr<NodeProcess> process;
        std::uint16_t port = 0;
        std::uint16_t peer_port = 0;
        /// With its peer id, for those who dial it.
        std::string peer_address;
        /// By `kill_node` or `stop_node`.
        bool ended = false;
    };
    async::Task<base::Result<void>> learn_peer_address(unsigned index);
    async::Task<base::Result<types::EvmAddress>> deploy(base::Bytes code);
    async::Task<base::Result<void>> register_key(types::EvmAddress manager, std::uint64_t weight,
                                                 unsigned node, std::uint32_t hd_index,
                                                 std::optional<types::EvmAddress> expected);
    NodeSetup setup_of(unsigned index) const;
    async::Task<base::Result<void>> start_chain_on(std::uint16_t port);

    DevnetOptions options_;
    Tools tools_;
    types::EvmAddress owner_;
    std::unique_ptr<Anvil> anvil_;
    std::vector<Slot> nodes_;
};

/// Test mnemonics, one per node; known to everyone.
base::Result<std::string_view> node_mnemonic(unsigned index);
/// "0x" and a private key: the wallet a node of a devnet pays with.
std::string node_wallet(unsigned index);
base::Result<types::EvmAddress> node_wallet_address(unsigned index);

}  // namespace wavs::cli
