// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/anvil.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"

#include <algorithm>
#include <charconv>

namespace wavs::cli {
namespace {

constexpr std::string_view kListening = "Listening on ";
/// 100 and 1 gwei: anvil forgets for good what full blocks have made too cheap.
constexpr std::string_view kMaxFee = "0x174876e800";
constexpr std::string_view kPriorityFee = "0x3b9aca00";
/// When it mines at once, anvil leaves what does not fit into a block until somebody sends more.
constexpr std::string_view kBlockGas = "1000000000";
constexpr std::string_view kGasLimit = "--gas-limit";

/// 0 when the line has none.
std::uint16_t port_at_end(std::string_view line) {
    const auto digits = line.substr(line.rfind(':') + 1);
    std::uint16_t port = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return port;
}

std::string text_of(const std::vector<std::string>& lines) {
    return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

base::Result<types::EvmAddress> anvil_account(std::uint32_t index) {
    WAVS_TRY(const auto keys, crypto::Keyring::from_mnemonic(kAnvilMnemonic));
    WAVS_TRY(const auto* signer, keys.at(index));
    return signer->address();
}

Anvil::Anvil(Tools tools, std::shared_ptr<LineLog> log, std::unique_ptr<net::ChildProcess> child,
             std::uint16_t port)
    : tools_(std::move(tools)),
      log_(std::move(log)),
      child_(std::move(child)),
      port_(port),
      rpc_(chain_evm::make_http_transport(tools_.http, http_url())) {}

std::string Anvil::http_url() const { return fmt::format("http://127.0.0.1:{}", port_); }
std::string Anvil::ws_url() const { return fmt::format("ws://127.0.0.1:{}", port_); }

async::Task<base::Result<std::unique_ptr<Anvil>>> Anvil::start(Tools tools, AnvilOptions options) {
    auto log = std::make_shared<LineLog>(options.log_file);
    auto announced = std::make_shared<std::string>();
    net::ChildOptions child_options;
    child_options.program = options.program;
    // Old states of a long chain: gigabytes, which a killed anvil would leave in the user's home.
    const auto states = options.log_file.parent_path() / "anvil-states";
    child_options.args = {"--host",       "127.0.0.1",
                          "--port",       fmt::format("{}", options.port),
                          "--accounts",   fmt::format("{}", kAnvilAccounts),
                          "--cache-path", states.string()};
    if (std::find(options.args.begin(), options.args.end(), kGasLimit) == options.args.end()) {
        child_options.args.insert(child_options.args.end(),
                                  {std::string(kGasLimit), std::string(kBlockGas)});
    }
    child_options.args.insert(child_options.args.end(), options.args.begin(), options.args.end());
    child_options.on_stdout = [log, announced](std::string_view line) {
        if (announced->empty() && line.starts_with(kListening)) {
            *announced = line;
        }
        log->add(line);
    };
    child_options.on_stderr = [log](std::string_view line) { log->add(line); };
    WAVS_CO_TRY(auto child, net::ChildProcess::start(tools.executor, std::move(child_options)));
    child->close_stdin();

    Poller poller(tools, options.start_limit, "start of anvil");
    while (announced->empty()) {
        if (!child->running()) {
            co_return base::Error(base::ErrorKind::Unavailable, "anvil_failed",
                                  "anvil ended at its start: " + text_of(log->tail(5)));
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
    const auto port = port_at_end(*announced);
    if (port == 0) {
        co_return base::Error(base::ErrorKind::Unavailable, "anvil_failed",
                              fmt::format("anvil says {:?}, which names no port", *announced),
                              "use the version that `npm ci` in contracts/ installs");
    }
    co_return std::unique_ptr<Anvil>(
        new Anvil(std::move(tools), std::move(log), std::move(child), port));
}

async::Task<base::Result<types::Bytes32>> Anvil::send(types::EvmAddress from,
                                                      std::optional<types::EvmAddress> to,
                                                      base::Bytes data) {
    std::string params;
    types::json::Writer out(params);
    out.begin_array();
    out.begin_object();
    out.key("from");
    out.string(types::to_string(from));
    if (to) {
        out.key("to");
        out.string(types::to_string(*to));
    }
    out.key("data");
    out.string(base::hex0x(data));
    out.key("maxFeePerGas");
    out.string(kMaxFee);
    out.key("maxPriorityFeePerGas");
    out.string(kPriorityFee);
    out.end_object();
    out.end_array();
    WAVS_CO_TRY(const auto reply, co_await rpc_.raw("eth_sendTransaction", std::move(params)));
    WAVS_CO_TRY(const auto document, types::json::Document::parse(reply));
    co_return types::json::read_bytes32(document.root());
}

async::Task<base::Result<chain_evm::Receipt>> Anvil::wait_mined(types::Bytes32 hash,
                                                                base::Duration limit) {
    Poller poller(tools_, limit, "transaction " + types::to_string(hash));
    while (true) {
        WAVS_CO_TRY(auto receipt, co_await rpc_.receipt(hash));
        if (receipt && !receipt->success) {
            co_return base::Error(base::ErrorKind::Invalid, "tx_reverted",
                                  "transaction " + types::to_string(hash) + " reverted");
        }
        if (receipt) {
            co_return std::move(*receipt);
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
}

async::Task<base::Result<chain_evm::Receipt>> Anvil::send_and_wait(
    types::EvmAddress from, std::optional<types::EvmAddress> to, base::Bytes data) {
    WAVS_CO_TRY(const auto hash, co_await send(from, to, std::move(data)));
    co_return co_await wait_mined(hash, std::chrono::seconds(30));
}

async::Task<base::Result<void>> Anvil::mine(std::uint64_t blocks) {
    WAVS_CO_TRY(
        co_await rpc_.raw("anvil_mine", fmt::format("[\"{}\"]", chain_evm::quantity(blocks))));
    co_return base::ok();
}

async::Task<base::Result<void>> Anvil::set_balance(types::EvmAddress address, chain_evm::Wei wei) {
    WAVS_CO_TRY(co_await rpc_.raw(
        "anvil_setBalance",
        fmt::format("[\"{}\",\"{}\"]", types::to_string(address), chain_evm::quantity(wei))));
    co_return base::ok();
}

async::Task<base::Result<void>> Anvil::mine_every(std::chrono::seconds interval) {
    WAVS_CO_TRY(co_await rpc_.raw("evm_setIntervalMining", fmt::format("[{}]", interval.count())));
    co_return base::ok();
}

async::Task<base::Result<void>> Anvil::mine_manually() {
    WAVS_CO_TRY(co_await rpc_.raw("evm_setAutomine", "[false]"));
    co_return base::ok();
}

async::Task<base::Result<void>> Anvil::stop() {
    WAVS_CO_TRY(co_await child_->terminate(tools_.timers, std::chrono::seconds(3)));
    co_return base::ok();
}

}  // namespace wavs::cli
