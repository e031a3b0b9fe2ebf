// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/health.hpp"

#include "wavs/async/one_shot.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/chain_evm/rpc_client.hpp"

#include <boost/asio/this_coro.hpp>

namespace wavs::chain_evm {
namespace {

// Results of the endpoints' checks; shared, since a late check may outlive the waiting.
struct Board {
    Board(const async::Executor& executor, std::size_t count)
        : missing(count), texts(count), done(executor) {}
    void set(std::size_t at, std::string text) {
        texts[at] = std::move(text);
        if (--missing == 0) {
            done.set(true);
        }
    }
    std::size_t missing;
    /// Empty text: healthy. None: no answer yet.
    std::vector<std::optional<std::string>> texts;
    async::OneShot<bool> done;
};

struct Check {
    std::string chain;
    std::string url;
    bool websocket = false;
    std::optional<std::uint64_t> chain_id;
};

std::string failed(const Check& check, std::string_view what, const base::Error& error) {
    // The connection itself, which only the first call can tell.
    const bool connecting =
        check.websocket && (error.code() == base::ErrorCode("connect_failed") ||
                            error.code() == base::ErrorCode("ws_handshake_failed") ||
                            error.code() == base::ErrorCode("dns_failed") ||
                            error.code() == base::ErrorCode("tls_failed"));
    if (connecting) {
        return fmt::format("[{}] WebSocketProvider({})", check.chain, error.message());
    }
    if (error.kind() == base::ErrorKind::Timeout) {
        return fmt::format("[{}] timed out", check.chain);
    }
    return fmt::format("[{}] Failed to get {}: {}", check.chain, what, error.message());
}

async::Task<base::Result<std::string>> ask(Check check, RpcClient client) {
    const auto block = co_await client.block_number();
    if (!block.has_value()) {
        co_return failed(check, "block number", block.error());
    }
    const auto id = co_await client.chain_id();
    if (!id.has_value()) {
        co_return failed(check, "chain ID", id.error());
    }
    const auto price = co_await client.gas_price();
    if (!price.has_value()) {
        co_return failed(check, "gas price", price.error());
    }
    const auto sync = co_await client.syncing();
    if (!sync.has_value()) {
        co_return failed(check, "syncing status", sync.error());
    }
    if (sync.value()) {
        co_return fmt::format("[{}] Chain is still syncing: {}", check.chain, *sync.value());
    }
    if (check.chain_id && *check.chain_id != id.value()) {
        co_return fmt::format("[{}] Chain ID mismatch: expected {}, got {}", check.chain,
                              *check.chain_id, id.value());
    }
    co_return std::string();
}

async::Task<void> check_one(std::shared_ptr<Board> board, std::size_t at, Check check,
                            std::shared_ptr<RpcTransport> transport, async::Timers* timers,
                            base::Duration limit) {
    auto work = ask(check, RpcClient(std::move(transport)));
    auto text = co_await async::with_timeout(*timers, limit, "health check", std::move(work));
    board->set(at, text.has_value() ? std::move(text.value())
                                    : fmt::format("[{}] timed out", check.chain));
}

std::vector<Check> checks_of(const types::ChainKey& chain, const types::NamedChainConfig& config) {
    std::vector<Check> out;
    const auto* evm = config.evm();
    const auto id = parse_decimal(config.chain_id);
    for (const auto& url : evm->ws_endpoints) {
        out.push_back({chain.str(), url, true, id});
    }
    for (const auto& url : evm->all_http_endpoints()) {
        out.push_back({chain.str(), url, false, id});
    }
    return out;
}

ChainHealth judge(const std::vector<Check>& checks, const Board& board) {
    ChainHealth out;
    struct Kind {
        std::size_t total = 0;
        std::size_t good = 0;
        std::string error;
        bool fine() const { return total == 0 || good > 0; }
    } ws, http;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const auto text = board.texts[i].value_or(fmt::format("[{}] timed out", checks[i].chain));
        const bool good = text.empty();
        auto& kind = checks[i].websocket ? ws : http;
        ++kind.total;
        kind.good += good ? 1 : 0;
        if (!good) {
            const auto url = net::Url::parse(checks[i].url);
            out.endpoints[url.has_value() ? url.value().redacted() : "invalid endpoint"] = text;
            kind.error = kind.error.empty() ? text : kind.error;
        }
    }
    out.healthy = ws.fine() && http.fine();
    if (!out.healthy) {
        out.error = ws.fine() ? http.error : ws.error;
    }
    return out;
}

}  // namespace

async::Task<ChainHealth> check_health(types::ChainKey chain, types::NamedChainConfig config,
                                      net::DialContext dial, net::HttpClient& http,
                                      HealthLimits limits) {
    const auto checks = config.evm() != nullptr ? checks_of(chain, config) : std::vector<Check>();
    if (checks.empty()) {
        ChainHealth none;
        none.error = fmt::format("[{}] ParseEndpoint(\"No endpoint provided\")", chain.str());
        co_return none;
    }
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto board = std::make_shared<Board>(executor, checks.size());
    async::TaskGroup group(executor, "health " + chain.str());
    RpcOptions options;
    options.call_timeout = options.connect_timeout = limits.per_endpoint;
    async::Timers& timers = dial.timers;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const auto url = net::Url::parse(checks[i].url);
        if (!url.has_value()) {
            board->set(
                i, fmt::format("[{}] ParseEndpoint(\"relative URL without a base\")", chain.str()));
            continue;
        }
        auto transport = checks[i].websocket ? make_ws_transport(dial, checks[i].url, options)
                                             : make_http_transport(http, checks[i].url, options);
        group.spawn("endpoint", check_one(board, i, checks[i], std::move(transport), &timers,
                                          limits.per_endpoint));
    }
    using boost::asio::experimental::awaitable_operators::operator||;
    co_await (board->done.wait() || timers.sleep_for(limits.overall));
    co_await group.stop(timers, std::chrono::seconds(1));
    co_return judge(checks, *board);
}

}  // namespace wavs::chain_evm
