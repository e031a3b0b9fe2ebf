// SPDX-License-Identifier: Apache-2.0
#include "rpc_json.hpp"

#include "wavs/base/hex.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr int kMaxDataDepth = 4;

// Nodes put revert data into `data` as a hex string, with words in front ("Reverted 0x..."), or in
// an object ({"data":"0x..."}, {"originalError":{"data":...}}, {"<tx hash>":{"return":"0x..."}}).
std::optional<base::Bytes> find_revert_data(const json::Value& value, int depth) {
    if (value.is_string()) {
        const auto text = value.text();
        const auto start = text.find("0x");
        if (start == std::string_view::npos) {
            return std::nullopt;
        }
        const auto end = text.find_first_not_of("0123456789abcdefABCDEF", start + 2);
        auto bytes = base::parse_hex(text.substr(start, end - start));
        return bytes.has_value() ? std::optional(std::move(bytes.value())) : std::nullopt;
    }
    if (!value.is_object() || depth == 0) {
        return std::nullopt;
    }
    static constexpr std::array<std::string_view, 5> kNames{"data", "result", "return", "output",
                                                            "originalError"};
    for (const auto name : kNames) {
        if (const auto member = value.find(name)) {
            if (auto found = find_revert_data(*member, depth - 1)) {
                return found;
            }
        }
    }
    for (const auto& [name, member] : value.members()) {
        if (!member.is_object() || !name.text().starts_with("0x")) {
            continue;
        }
        if (auto found = find_revert_data(member, depth - 1)) {
            return found;
        }
    }
    return std::nullopt;
}

bool contains_word(std::string_view text, std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
           }) != text.end();
}

bool says_rate_limit(std::string_view text) {
    static constexpr std::array<std::string_view, 4> kLimits{
        "rate limit", "too many requests", "exceeded its requests", "capacity exceeded"};
    return std::any_of(kLimits.begin(), kLimits.end(),
                       [text](std::string_view word) { return contains_word(text, word); });
}

base::ErrorKind kind_of(const RpcError& error) {
    if (error.code == -32005 || error.code == 429 || says_rate_limit(error.message)) {
        return base::ErrorKind::Overloaded;
    }
    if (error.code == -32601) {
        return base::ErrorKind::Unsupported;
    }
    // Said also of a block that this node has no more, or not yet: another one may have it.
    static constexpr std::array<std::string_view, 5> kBlocks{
        "blockoutofrange", "out of range", "block not found", "unknown block", "header not found"};
    const bool of_a_block =
        std::any_of(kBlocks.begin(), kBlocks.end(),
                    [&error](std::string_view word) { return contains_word(error.message, word); });
    return error.code == -32602 && !of_a_block ? base::ErrorKind::Invalid
                                               : base::ErrorKind::Unavailable;
}

// A node's words are shown in logs and callbacks.
std::string shortened(std::string_view text) {
    constexpr std::size_t kMost = 400;
    std::string out(text.substr(0, kMost));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return out;
}

}  // namespace

base::Result<std::uint64_t> read_quantity(const json::Value& value) {
    if (!value.is_string()) {
        return json::invalid_type(value, "a hex quantity");
    }
    return parse_quantity(value.text());
}

base::Result<Wei> read_wei(const json::Value& value) {
    if (!value.is_string()) {
        return json::invalid_type(value, "a hex quantity");
    }
    return parse_wei(value.text());
}

base::Result<base::Bytes> read_data(const json::Value& value) {
    if (!value.is_string() || !value.text().starts_with("0x")) {
        return json::invalid_type(value, "hex data with 0x");
    }
    return base::parse_hex(value.text());
}

base::Result<BlockHeader> read_header(const json::Value& value) {
    BlockHeader out;
    WAVS_TRY(out.number, read_required(value, "number", read_quantity));
    WAVS_TRY(out.hash, read_optional(value, "hash", json::read_bytes32));
    WAVS_TRY(out.parent_hash, read_optional(value, "parentHash", json::read_bytes32));
    WAVS_TRY(out.timestamp, read_optional(value, "timestamp", read_quantity));
    // Chains of other kinds have strange values here; nothing may fail over that.
    if (auto fee = read_optional(value, "baseFeePerGas", read_wei); fee.has_value()) {
        out.base_fee = fee.value();
    }
    if (auto limit = read_optional(value, "gasLimit", read_quantity); limit.has_value()) {
        out.gas_limit = limit.value();
    }
    if (auto used = read_optional(value, "gasUsed", read_quantity); used.has_value()) {
        out.gas_used = used.value();
    }
    if (auto bloom = read_optional(value, "logsBloom", read_data);
        bloom.has_value() && bloom.value() && bloom.value()->size() == Bloom().size()) {
        std::copy(bloom.value()->begin(), bloom.value()->end(), out.logs_bloom.emplace().begin());
    }
    return out;
}

base::Result<RpcError> read_rpc_error(const json::Value& value) {
    RpcError out;
    const auto code = value.find("code");
    if (!value.is_object() || !code) {
        return value.shape_error("expected an error object");
    }
    WAVS_TRY(out.code, json::read_i64(*code));
    if (const auto message = value.find("message"); message && message->is_string()) {
        out.message = shortened(message->text());
    }
    if (const auto data = value.find("data")) {
        out.data = find_revert_data(*data, kMaxDataDepth);
    }
    return out;
}

std::string request_text(std::uint64_t id, std::string_view method, std::string_view params) {
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, method,
                       params);
}

std::string batch_text(std::uint64_t id, std::string_view method,
                       const std::vector<std::string>& params) {
    std::string out = "[";
    for (const auto& one : params) {
        out += (out.size() > 1 ? "," : "") + request_text(id++, method, one);
    }
    return out + "]";
}

base::Result<RpcReply> read_reply(const json::Value& response, std::uint64_t id) {
    const auto got_id = response.find("id");
    if (!response.is_object() || !got_id) {
        return response.shape_error("expected a response object");
    }
    const auto error = response.find("error");
    const bool failed = error && !error->is_null();
    // A request that the server could not even parse is answered without its id.
    if (!(failed && got_id->is_null())) {
        WAVS_TRY(auto number, json::read_u64(*got_id));
        if (number != id) {
            return got_id->shape_error(fmt::format("expected id {}", id));
        }
    }
    if (failed) {
        WAVS_TRY(auto refusal, read_rpc_error(*error));
        return RpcReply(std::move(refusal));
    }
    const auto result = response.find("result");
    if (!result) {
        return response.shape_error("neither result nor error");
    }
    return RpcReply(std::string(result->source()));
}

base::Error to_error(std::string_view method, const RpcError& error) {
    auto message = fmt::format("{}: server returned an error response: error code {}: {}", method,
                               error.code, error.message);
    if (error.data) {
        message += fmt::format(", data: {}", decode_revert(*error.data).text);
    }
    return {kind_of(error), "rpc_error", std::move(message)};
}

base::Result<std::string> result_of(std::string_view method, RpcReply reply) {
    if (const auto* error = std::get_if<RpcError>(&reply)) {
        return to_error(method, *error);
    }
    return std::get<std::string>(std::move(reply));
}

bool is_range_error(const base::Error& error) {
    static constexpr std::array<std::string_view, 14> kWords{
        "block range", "range too",   "range is too",   "too many results", "too many blocks",
        "more than",   "limited to",  "limit exceeded", "response size",    "query returned",
        "exceed",      "range limit", "too large",      "timeout"};
    if (error.code() == base::ErrorCode("response_too_large")) {
        return true;
    }
    if (error.code() != base::ErrorCode("rpc_error") || says_rate_limit(error.message())) {
        return false;
    }
    return std::any_of(kWords.begin(), kWords.end(), [&error](std::string_view word) {
        return contains_word(error.message(), word);
    });
}

base::Result<BlockHeader> parse_header(std::string_view text) {
    WAVS_TRY(auto document, json::Document::parse(text));
    return read_header(document.root());
}

}  // namespace wavs::chain_evm
