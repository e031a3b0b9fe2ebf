// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/rpc_client.hpp"

#include "rpc_json.hpp"
#include "wavs/base/hex.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr base::ErrorCode kWrongChain = "wrong_chain";

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

std::string call_object(const CallRequest& request) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    if (request.from) {
        writer.key("from");
        writer.string(types::to_string(*request.from));
    }
    if (request.to) {
        writer.key("to");
        writer.string(types::to_string(*request.to));
    }
    writer.key("data");
    writer.string(base::hex0x(request.data));
    writer.end_object();
    return out;
}

base::Result<TransactionInfo> read_transaction(const json::Value& value) {
    TransactionInfo out;
    WAVS_TRY(out.hash, read_required(value, "hash", json::read_bytes32));
    WAVS_TRY(out.from, read_required(value, "from", json::read_evm_address));
    WAVS_TRY(out.to, read_optional(value, "to", json::read_evm_address));
    WAVS_TRY(out.nonce, read_required(value, "nonce", read_quantity));
    WAVS_TRY(auto input, read_optional(value, "input", read_data));
    if (!input) {
        WAVS_TRY(input, read_optional(value, "data", read_data));
    }
    out.input = std::move(input).value_or(base::Bytes());
    WAVS_TRY(out.block_number, read_optional(value, "blockNumber", read_quantity));
    return out;
}

base::Result<Block> read_block(const json::Value& value) {
    Block out;
    WAVS_TRY(out.header, read_header(value));
    const auto list = value.find("transactions");
    if (!list || !list->is_array()) {
        return value.shape_error("expected a list of transactions");
    }
    for (const auto& item : list->items()) {
        // Hashes alone would pass for a block without transactions.
        if (!item.is_object()) {
            return json::invalid_type(item, "a whole transaction");
        }
        // A chain's own kinds of transactions may lack what ours need; they cannot be ours.
        if (auto tx = read_transaction(item); tx.has_value()) {
            out.transactions.push_back(std::move(tx.value()));
        }
    }
    return out;
}

base::Result<std::vector<EvmLog>> read_logs(const json::Value& value) {
    if (!value.is_array()) {
        return json::invalid_type(value, "an array of logs");
    }
    std::vector<EvmLog> out;
    for (const auto& item : value.items()) {
        WAVS_TRY(auto log, read_log(item));
        out.push_back(std::move(log));
    }
    return out;
}

base::Result<Receipt> read_receipt(const json::Value& value) {
    Receipt out;
    WAVS_TRY(out.tx_hash, read_required(value, "transactionHash", json::read_bytes32));
    WAVS_TRY(out.block_hash, read_required(value, "blockHash", json::read_bytes32));
    WAVS_TRY(out.block_number, read_required(value, "blockNumber", read_quantity));
    WAVS_TRY(auto status, read_required(value, "status", read_quantity));
    out.success = status == 1;
    WAVS_TRY(auto gas, read_optional(value, "gasUsed", read_quantity));
    out.gas_used = gas.value_or(0);
    WAVS_TRY(out.effective_gas_price, read_optional(value, "effectiveGasPrice", read_wei));
    WAVS_TRY(out.contract_address, read_optional(value, "contractAddress", json::read_evm_address));
    WAVS_TRY(auto logs, read_optional(value, "logs", read_logs));
    out.logs = std::move(logs).value_or(std::vector<EvmLog>());
    return out;
}

base::Result<FeeHistory> read_fee_history(const json::Value& value) {
    FeeHistory out;
    const auto fees = value.find("baseFeePerGas");
    if (fees && fees->is_array()) {
        for (const auto& item : fees->items()) {
            WAVS_TRY(auto fee, read_wei(item));
            out.base_fees.push_back(fee);
        }
    }
    const auto rewards = value.find("reward");
    if (rewards && rewards->is_array()) {
        for (const auto& block : rewards->items()) {
            const auto items = block.items();
            if (!block.is_array() || items.begin() == items.end()) {
                return block.shape_error("expected one percentile");
            }
            WAVS_TRY(auto reward, read_wei(*items.begin()));
            out.rewards.push_back(reward);
        }
    }
    return out;
}

base::Result<SyncState> read_sync(const json::Value& value) {
    if (value.kind() == json::Kind::Bool && !value.boolean()) {
        return SyncState();
    }
    if (!value.is_object()) {
        return json::invalid_type(value, "false or an object");
    }
    WAVS_TRY(auto block, read_optional(value, "currentBlock", read_quantity));
    return SyncState(block.value_or(0));
}

template <typename T, base::Result<T> (*Read)(const json::Value&)>
base::Result<std::optional<T>> nullable(const json::Value& value) {
    if (value.is_null()) {
        return std::optional<T>();
    }
    WAVS_TRY(auto out, Read(value));
    return std::optional<T>(std::move(out));
}

bool looks_reverted(const RpcError& error) {
    return error.data.has_value() || error.code == 3 ||
           error.message.find("revert") != std::string::npos;
}

Reverted reverted(const RpcError& error) {
    Reverted out;
    out.info = decode_revert(error.data.value_or(base::Bytes()));
    out.message = error.message;
    return out;
}

// One method several times, a result for each.
template <typename T>
async::Task<std::vector<base::Result<T>>> ask_in_order(
    std::shared_ptr<RpcTransport> transport, std::string method, std::vector<std::string> params,
    base::Result<T> (*read)(const json::Value&)) {
    auto replies = co_await transport->call_in_order(method, std::move(params));
    std::vector<base::Result<T>> out;
    for (auto& reply : replies) {
        auto text = reply.has_value() ? result_of(method, std::move(reply.value()))
                                      : base::Result<std::string>(std::move(reply.error()));
        out.push_back(text.has_value() ? parse_result<T>(method, text.value(), read)
                                       : base::Result<T>(std::move(text.error())));
    }
    co_return out;
}

template <typename T>
async::Task<base::Result<T>> ask(std::shared_ptr<RpcTransport> transport, std::string method,
                                 std::string params, base::Result<T> (*read)(const json::Value&)) {
    WAVS_CO_TRY(auto reply, co_await transport->call(method, std::move(params)));
    WAVS_CO_TRY(auto text, result_of(method, std::move(reply)));
    co_return parse_result<T>(method, text, read);
}

// A revert of the called contract is an outcome, not a failure of the request.
template <typename T>
async::Task<base::Result<std::variant<T, Reverted>>> ask_contract(
    std::shared_ptr<RpcTransport> transport, std::string method, std::string params,
    base::Result<T> (*read)(const json::Value&)) {
    using Outcome = std::variant<T, Reverted>;
    WAVS_CO_TRY(auto reply, co_await transport->call(method, std::move(params)));
    if (const auto* error = std::get_if<RpcError>(&reply); error && looks_reverted(*error)) {
        co_return Outcome(reverted(*error));
    }
    WAVS_CO_TRY(auto text, result_of(method, std::move(reply)));
    WAVS_CO_TRY(auto value, parse_result<T>(method, text, read));
    co_return Outcome(std::move(value));
}

}  // namespace

base::Error wrong_chain(std::string_view endpoint, std::uint64_t chain_id, std::uint64_t expected) {
    return {base::ErrorKind::Invalid, kWrongChain,
            fmt::format("{} has chain id {}, expected {}", endpoint, chain_id, expected),
            "correct the endpoint or the chain id"};
}

bool is_wrong_chain(const base::Error& error) { return error.code() == kWrongChain; }

bool matches(const LogFilter& filter, const EvmLog& log) {
    const bool address =
        filter.addresses.empty() ||
        std::binary_search(filter.addresses.begin(), filter.addresses.end(), log.address);
    const bool topic =
        filter.topics.empty() ||
        (!log.topics.empty() &&
         std::binary_search(filter.topics.begin(), filter.topics.end(), log.topics.front()));
    return address && topic;
}

std::string to_json(const LogFilter& filter) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    if (!filter.addresses.empty()) {
        writer.key("address");
        const bool many = filter.addresses.size() > 1;
        if (many) {
            writer.begin_array();
        }
        for (const auto& address : filter.addresses) {
            writer.string(types::to_string(address));
        }
        if (many) {
            writer.end_array();
        }
    }
    if (!filter.topics.empty()) {
        writer.key("topics");
        writer.begin_array();
        writer.begin_array();
        for (const auto& topic : filter.topics) {
            writer.string(types::to_string(topic));
        }
        writer.end_array();
        writer.end_array();
    }
    writer.end_object();
    return out;
}

async::Task<base::Result<std::uint64_t>> RpcClient::chain_id() {
    co_return co_await ask(transport_, "eth_chainId", "[]", read_quantity);
}
async::Task<base::Result<std::uint64_t>> RpcClient::block_number() {
    co_return co_await ask(transport_, "eth_blockNumber", "[]", read_quantity);
}
async::Task<base::Result<std::optional<BlockHeader>>> RpcClient::block(BlockRef at) {
    auto params = fmt::format("[\"{}\",false]", at.text());
    co_return co_await ask(transport_, "eth_getBlockByNumber", std::move(params),
                           nullable<BlockHeader, read_header>);
}
async::Task<base::Result<std::optional<BlockHeader>>> RpcClient::block_by_hash(
    types::Bytes32 hash) {
    auto params = fmt::format("[\"{}\",false]", types::to_string(hash));
    co_return co_await ask(transport_, "eth_getBlockByHash", std::move(params),
                           nullable<BlockHeader, read_header>);
}
async::Task<base::Result<std::optional<Block>>> RpcClient::block_with_transactions(BlockRef at) {
    auto params = fmt::format("[\"{}\",true]", at.text());
    co_return co_await ask(transport_, "eth_getBlockByNumber", std::move(params),
                           nullable<Block, read_block>);
}
async::Task<std::vector<base::Result<std::optional<Block>>>> RpcClient::blocks_with_transactions(
    std::vector<std::uint64_t> numbers) {
    std::vector<std::string> params;
    for (const auto number : numbers) {
        params.push_back(fmt::format("[\"{}\",true]", quantity(number)));
    }
    co_return co_await ask_in_order(transport_, "eth_getBlockByNumber", std::move(params),
                                    nullable<Block, read_block>);
}
async::Task<base::Result<base::Bytes>> RpcClient::code(types::EvmAddress address, BlockRef at) {
    auto params = fmt::format("[\"{}\",\"{}\"]", types::to_string(address), at.text());
    co_return co_await ask(transport_, "eth_getCode", std::move(params), read_data);
}
async::Task<base::Result<CallOutcome>> RpcClient::call(CallRequest request, BlockRef at) {
    auto params = fmt::format("[{},\"{}\"]", call_object(request), at.text());
    co_return co_await ask_contract(transport_, "eth_call", std::move(params), read_data);
}
async::Task<base::Result<EstimateOutcome>> RpcClient::estimate_gas(CallRequest request) {
    auto params = fmt::format("[{}]", call_object(request));
    co_return co_await ask_contract(transport_, "eth_estimateGas", std::move(params),
                                    read_quantity);
}
async::Task<base::Result<FeeHistory>> RpcClient::fee_history(std::uint64_t blocks,
                                                             unsigned percentile) {
    auto params = fmt::format("[\"{}\",\"latest\",[{}]]", quantity(blocks), percentile);
    co_return co_await ask(transport_, "eth_feeHistory", std::move(params), read_fee_history);
}
async::Task<base::Result<Wei>> RpcClient::gas_price() {
    co_return co_await ask(transport_, "eth_gasPrice", "[]", read_wei);
}
async::Task<base::Result<Wei>> RpcClient::balance(types::EvmAddress address) {
    auto params = fmt::format("[\"{}\",\"latest\"]", types::to_string(address));
    co_return co_await ask(transport_, "eth_getBalance", std::move(params), read_wei);
}
async::Task<base::Result<std::uint64_t>> RpcClient::transaction_count(types::EvmAddress address,
                                                                      BlockRef at) {
    auto params = fmt::format("[\"{}\",\"{}\"]", types::to_string(address), at.text());
    co_return co_await ask(transport_, "eth_getTransactionCount", std::move(params), read_quantity);
}
async::Task<base::Result<types::Bytes32>> RpcClient::send_raw(base::Bytes raw) {
    auto params = fmt::format("[{}]", quoted(base::hex0x(raw)));
    co_return co_await ask(transport_, "eth_sendRawTransaction", std::move(params),
                           json::read_bytes32);
}
async::Task<std::vector<base::Result<types::Bytes32>>> RpcClient::send_raw_in_order(
    std::vector<base::Bytes> raws) {
    std::vector<std::string> params;
    for (const auto& raw : raws) {
        params.push_back(fmt::format("[{}]", quoted(base::hex0x(raw))));
    }
    co_return co_await ask_in_order(transport_, "eth_sendRawTransaction", std::move(params),
                                    json::read_bytes32);
}
async::Task<base::Result<std::optional<Receipt>>> RpcClient::receipt(types::Bytes32 hash) {
    auto params = fmt::format("[\"{}\"]", types::to_string(hash));
    co_return co_await ask(transport_, "eth_getTransactionReceipt", std::move(params),
                           nullable<Receipt, read_receipt>);
}
async::Task<base::Result<std::optional<TransactionInfo>>> RpcClient::transaction(
    types::Bytes32 hash) {
    auto params = fmt::format("[\"{}\"]", types::to_string(hash));
    co_return co_await ask(transport_, "eth_getTransactionByHash", std::move(params),
                           nullable<TransactionInfo, read_transaction>);
}
async::Task<base::Result<std::vector<EvmLog>>> RpcClient::logs(LogFilter filter, std::uint64_t from,
                                                               std::uint64_t to) {
    auto object = to_json(filter);
    object.pop_back();
    auto params = fmt::format("[{}{}\"fromBlock\":\"{}\",\"toBlock\":\"{}\"}}]", object,
                              object.size() > 1 ? "," : "", quantity(from), quantity(to));
    co_return co_await ask(transport_, "eth_getLogs", std::move(params), read_logs);
}
async::Task<base::Result<SyncState>> RpcClient::syncing() {
    co_return co_await ask(transport_, "eth_syncing", "[]", read_sync);
}
async::Task<base::Result<std::string>> RpcClient::raw(std::string method, std::string params) {
    auto transport = transport_;
    WAVS_CO_TRY(auto reply, co_await transport->call(method, std::move(params)));
    co_return result_of(method, std::move(reply));
}

async::Task<base::Result<LogRangeReader::Piece>> LogRangeReader::next(LogFilter filter,
                                                                      std::uint64_t from,
                                                                      std::uint64_t to) {
    if (chunk_ == 0) {
        chunk_ = std::max<std::uint64_t>(options_.first_chunk, 1);
    }
    while (true) {
        Piece piece;
        piece.from = from;
        piece.to = to - from < chunk_ ? to : from + chunk_ - 1;
        auto logs = co_await client_.logs(filter, piece.from, piece.to);
        if (logs.has_value()) {
            piece.logs = std::move(logs.value());
            std::sort(piece.logs.begin(), piece.logs.end(), [](const EvmLog& a, const EvmLog& b) {
                return std::tie(a.block_number, a.log_index) <
                       std::tie(b.block_number, b.log_index);
            });
            chunk_ = std::min(chunk_ * 2, std::max<std::uint64_t>(options_.max_chunk, 1));
            co_return std::move(piece);
        }
        const auto width = piece.to - piece.from + 1;
        if (width == 1 || !is_range_error(logs.error())) {
            co_return std::move(logs.error());
        }
        chunk_ = width / 2;
    }
}

async::Task<base::Result<std::vector<EvmLog>>> get_logs_range(RpcClient client, LogFilter filter,
                                                              std::uint64_t from,
                                                              std::uint64_t to) {
    LogRangeReader reader(client);
    std::vector<EvmLog> out;
    while (from <= to) {
        WAVS_CO_TRY(auto piece, co_await reader.next(filter, from, to));
        out.insert(out.end(), std::make_move_iterator(piece.logs.begin()),
                   std::make_move_iterator(piece.logs.end()));
        if (piece.to == to) {
            break;
        }
        from = piece.to + 1;
    }
    co_return std::move(out);
}

}  // namespace wavs::chain_evm
