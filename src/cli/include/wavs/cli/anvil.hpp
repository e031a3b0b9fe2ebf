// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/cli/line_log.hpp"
#include "wavs/cli/tools.hpp"
#include "wavs/net/child_process.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::cli {

/// The accounts of anvil's well-known mnemonic, all unlocked and funded.
inline constexpr std::string_view kAnvilMnemonic =
    "test test test test test test test test test test test junk";
/// The owner of a devnet and ten operators.
inline constexpr std::uint32_t kAnvilAccounts = 11;
base::Result<types::EvmAddress> anvil_account(std::uint32_t index);

struct AnvilOptions {
    std::string program;
    /// What anvil has to store goes beside it.
    std::filesystem::path log_file;
    /// Added to ours; a block holds 1,000,000,000 gas unless `--gas-limit` is among them.
    std::vector<std::string> args;
    /// 0: any free one.
    std::uint16_t port = 0;
    base::Duration start_limit = std::chrono::seconds(20);
};

/// A local EVM chain, id 31337, that mines each transaction at once until told otherwise. Killed
/// when destroyed. Use from the strand of its tools.
class Anvil {
public:
    static async::Task<base::Result<std::unique_ptr<Anvil>>> start(Tools tools,
                                                                   AnvilOptions options);

    std::uint16_t port() const { return port_; }
    std::string http_url() const;
    std::string ws_url() const;
    chain_evm::RpcClient rpc() const { return rpc_; }
    const LineLog& log() const { return *log_; }
    bool running() const { return child_->running(); }
    int pid() const { return child_->pid(); }

    /// From an unlocked account; none as `to` creates a contract.
    async::Task<base::Result<types::Bytes32>> send(types::EvmAddress from,
                                                   std::optional<types::EvmAddress> to,
                                                   base::Bytes data);
    /// Waits until it is mined; `tx_reverted` when it failed.
    async::Task<base::Result<chain_evm::Receipt>> wait_mined(types::Bytes32 hash,
                                                             base::Duration limit);
    async::Task<base::Result<chain_evm::Receipt>> send_and_wait(types::EvmAddress from,
                                                                std::optional<types::EvmAddress> to,
                                                                base::Bytes data);

    async::Task<base::Result<void>> mine(std::uint64_t blocks = 1);
    async::Task<base::Result<void>> set_balance(types::EvmAddress address, chain_evm::Wei wei);
    /// A block every so often, with transactions or without.
    async::Task<base::Result<void>> mine_every(std::chrono::seconds interval);
    /// No block but by `mine()`.
    async::Task<base::Result<void>> mine_manually();

    async::Task<base::Result<void>> stop();

private:
    Anvil(Tools tools, std::shared_ptr<LineLog> log, std::unique_ptr<net::ChildProcess> child,
          std::uint16_t port);

    Tools tools_;
    std::shared_ptr<LineLog> log_;
    std::unique_ptr<net::ChildProcess> child_;
    std::uint16_t port_;
    chain_evm::RpcClient rpc_;
};

}  // namespace wavs::cli
