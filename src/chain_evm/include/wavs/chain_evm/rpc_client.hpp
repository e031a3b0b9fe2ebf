// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/chain_evm/log.hpp"
#include "wavs/chain_evm/numbers.hpp"
#include "wavs/chain_evm/selectors.hpp"
#include "wavs/net/http_client.hpp"
#include "wavs/types/ids.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wavs::chain_evm {

/// The error object of a JSON-RPC response.
struct RpcError {
    std::int64_t code = 0;
    std::string message;
    /// Revert data, found in any of the places where nodes put it.
    std::optional<base::Bytes> data;
};
/// JSON text of `result`, or the node's error.
using RpcReply = std::variant<std::string, RpcError>;

/// Carries one request to a chain node and its reply back. An `Error` means no valid reply came.
class RpcTransport {
public:
    virtual ~RpcTransport() = default;
    virtual async::Task<base::Result<RpcReply>> call(std::string method, std::string params) = 0;
    /// One method several times. The node gets them in this order, in one message where both sides
    /// can, and the replies come back in this order too.
    virtual async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params);
    /// Scheme, host and port.
    virtual std::string endpoint() const = 0;
};

struct RpcOptions {
    base::Duration call_timeout = std::chrono::seconds(10);
    base::Duration connect_timeout = std::chrono::seconds(5);
    std::size_t max_response_bytes = std::size_t{16} << 20;
    /// Of one endpoint, over HTTP; one more waits for its turn.
    std::size_t max_calls_at_once = 32;
};
/// JSON-RPC over HTTP(S) POST. Thread-safe.
std::shared_ptr<RpcTransport> make_http_transport(net::HttpClient& http, std::string url,
                                                  RpcOptions options = {});
/// JSON-RPC over one WebSocket connection, made at the first call and anew after it broke. Use from
/// one strand.
std::shared_ptr<RpcTransport> make_ws_transport(net::DialContext dial, std::string url,
                                                RpcOptions options = {});
/// Makes a transport of one strand thread-safe: every call runs on `strand`.
std::shared_ptr<RpcTransport> on_strand(std::shared_ptr<RpcTransport> inner,
                                        async::Executor strand);

/// A block by number, by hash, or the newest one.
class BlockRef {
public:
    static BlockRef latest() { return BlockRef("latest"); }
    static BlockRef pending() { return BlockRef("pending"); }
    static BlockRef at(std::uint64_t number) { return BlockRef(quantity(number)); }
    const std::string& text() const { return text_; }

private:
    explicit BlockRef(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// Read leniently: chains differ in everything else, so only `number` is required.
/// `logsBloom` of a header: see `BloomQuery`.
using Bloom = std::array<std::uint8_t, 256>;

struct BlockHeader {
    std::uint64_t number = 0;
    std::optional<types::Bytes32> hash;
    std::optional<types::Bytes32> parent_hash;
    std::optional<std::uint64_t> timestamp;
    std::optional<Wei> base_fee;
    std::optional<std::uint64_t> gas_limit;
    std::optional<std::uint64_t> gas_used;
    std::optional<Bloom> logs_bloom;
};
base::Result<BlockHeader> parse_header(std::string_view json);

struct TransactionInfo {
    types::Bytes32 hash;
    types::EvmAddress from;
    std::optional<types::EvmAddress> to;
    std::uint64_t nonce = 0;
    base::Bytes input;
    /// None while it is pending.
    std::optional<std::uint64_t> block_number;
};
struct Block {
    BlockHeader header;
    std::vector<TransactionInfo> transactions;
};

struct Receipt {
    types::Bytes32 tx_hash;
    types::Bytes32 block_hash;
    std::uint64_t block_number = 0;
    bool success = false;
    std::uint64_t gas_used = 0;
    std::optional<Wei> effective_gas_price;
    std::optional<types::EvmAddress> contract_address;
    std::vector<EvmLog> logs;
};

struct FeeHistory {
    /// Oldest first; one more than blocks, the last one belongs to the next block.
    std::vector<Wei> base_fees;
    /// The asked percentile of each block.
    std::vector<Wei> rewards;
};

struct CallRequest {
    std::optional<types::EvmAddress> from;
    std::optional<types::EvmAddress> to;
    base::Bytes data;
};
/// What `eth_call` or `eth_estimateGas` came to, when the node answered.
struct Reverted {
    RevertInfo info;
    /// The node's own text.
    std::string message;
};
using CallOutcome = std::variant<base::Bytes, Reverted>;
using EstimateOutcome = std::variant<std::uint64_t, Reverted>;

/// Addresses and first topics, each an OR; empty means any. Sorted, without duplicates.
struct LogFilter {
    std::vector<types::EvmAddress> addresses;
    std::vector<types::Bytes32> topics;
    friend bool operator==(const LogFilter&, const LogFilter&) = default;
};
/// The filter object of `eth_subscribe`, and with a range of `eth_getLogs`.
std::string to_json(const LogFilter& filter);
bool matches(const LogFilter& filter, const EvmLog& log);

/// False, or the current block of a node that is still syncing.
using SyncState = std::optional<std::uint64_t>;

/// `wrong_chain` (Invalid): what an endpoint calls its chain id is not what is configured.
base::Error wrong_chain(std::string_view endpoint, std::uint64_t chain_id, std::uint64_t expected);
bool is_wrong_chain(const base::Error& error);

/// Typed Ethereum JSON-RPC. Results are read strictly. Copies share the transport.
/// Errors: those of `net`; `rpc_error` (the node refused; Unavailable, Overloaded for rate limits,
/// Invalid for bad parameters), `rpc_invalid_response`.
class RpcClient {
public:
    explicit RpcClient(std::shared_ptr<RpcTransport> transport)
        : transport_(std::move(transport)) {}

    std::string endpoint() const { return transport_->endpoint(); }

    async::Task<base::Result<std::uint64_t>> chain_id();
    async::Task<base::Result<std::uint64_t>> block_number();
    /// None when the node does not have it.
    async::Task<base::Result<std::optional<BlockHeader>>> block(BlockRef at);
    async::Task<base::Result<std::optional<BlockHeader>>> block_by_hash(types::Bytes32 hash);
    async::Task<base::Result<std::optional<Block>>> block_with_transactions(BlockRef at);
    /// As above, a result for each, in this order.
    async::Task<std::vector<base::Result<std::optional<Block>>>> blocks_with_transactions(
        std::vector<std::uint64_t> numbers);
    async::Task<base::Result<base::Bytes>> code(types::EvmAddress address,
                                                BlockRef at = BlockRef::latest());
    async::Task<base::Result<CallOutcome>> call(CallRequest request,
                                                BlockRef at = BlockRef::latest());
    async::Task<base::Result<EstimateOutcome>> estimate_gas(CallRequest request);
    async::Task<base::Result<FeeHistory>> fee_history(std::uint64_t blocks, unsigned percentile);
    async::Task<base::Result<Wei>> gas_price();
    async::Task<base::Result<Wei>> balance(types::EvmAddress address);
    async::Task<base::Result<std::uint64_t>> transaction_count(types::EvmAddress address,
                                                               BlockRef at);
    async::Task<base::Result<types::Bytes32>> send_raw(base::Bytes raw);
    /// In this order, a result for each.
    async::Task<std::vector<base::Result<types::Bytes32>>> send_raw_in_order(
        std::vector<base::Bytes> raws);
    async::Task<base::Result<std::optional<Receipt>>> receipt(types::Bytes32 hash);
    async::Task<base::Result<std::optional<TransactionInfo>>> transaction(types::Bytes32 hash);
    async::Task<base::Result<std::vector<EvmLog>>> logs(LogFilter filter, std::uint64_t from,
                                                        std::uint64_t to);
    async::Task<base::Result<SyncState>> syncing();

    /// Any other method; `params` is a JSON array, the value is the JSON text of the result.
    async::Task<base::Result<std::string>> raw(std::string method, std::string params);

private:
    std::shared_ptr<RpcTransport> transport_;
};

/// The node's refusal as an error of ours.
base::Error to_error(std::string_view method, const RpcError& error);
/// Whether a provider refused `eth_getLogs` for the size of its range or answer.
bool is_range_error(const base::Error& error);

/// Logs of long ranges, in pieces whose size follows what the provider accepts.
class LogRangeReader {
public:
    struct Options {
        std::uint64_t first_chunk = 2'000;
        std::uint64_t max_chunk = 10'000;
    };
    LogRangeReader(RpcClient client, Options options) : client_(client), options_(options) {}
    explicit LogRangeReader(RpcClient client) : LogRangeReader(client, Options()) {}

    struct Piece {
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        /// By block, then by index.
        std::vector<EvmLog> logs;
    };
    /// The first piece of [from, to]; the caller goes on at `piece.to + 1`. Halves on range errors
    /// down to one block, doubles after a success.
    async::Task<base::Result<Piece>> next(LogFilter filter, std::uint64_t from, std::uint64_t to);
    std::uint64_t chunk() const { return chunk_; }

private:
    RpcClient client_;
    Options options_;
    std::uint64_t chunk_ = 0;
};

/// All logs of [from, to].
async::Task<base::Result<std::vector<EvmLog>>> get_logs_range(RpcClient client, LogFilter filter,
                                                              std::uint64_t from, std::uint64_t to);

}  // namespace wavs::chain_evm
