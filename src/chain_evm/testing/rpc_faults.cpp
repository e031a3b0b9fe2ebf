// SPDX-License-Identifier: Apache-2.0
#include "rpc_faults.hpp"

#include "wavs/chain_evm/numbers.hpp"
#include "wavs/types/json.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace wavs::chain_evm::testing {
namespace {

namespace json = types::json;

struct Refusal {
    unsigned http_status;
    int code;
    std::string_view message;
};
// As providers put it.
constexpr std::array<Refusal, 8> kRangeRefusals{{
    {200, -32005, "query returned more than 10000 results"},
    {200, -32602, "range 1000000 exceeds limit of 10000"},
    {413, -32614, "eth_getLogs is limited to a 10,000 range"},
    {400, -32600, "You can make eth_getLogs requests with up to a 500 block range."},
    {200, -32602, "Log response size exceeded."},
    {200, -32000, "block range is bigger than maxBlockRange"},
    {200, -32603, "block range is too wide (maximum 1024)"},
    {200, -32701, "exceed maximum block range: 5000"},
}};

std::optional<json::Document> parse(const std::string& text) {
    auto document = json::Document::parse(std::string_view(text));
    return document.has_value() ? std::optional(std::move(document.value())) : std::nullopt;
}

std::string source_of(const json::Value& object, std::string_view name) {
    const auto value = object.find(name);
    return value ? std::string(value->source()) : std::string();
}

std::string_view text_of(const json::Value& object, std::string_view name) {
    const auto value = object.find(name);
    return value ? value->text() : std::string_view();
}

std::string result_reply(const std::string& id, std::string_view result) {
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, result);
}

std::string error_reply(const std::string& id, int code, std::string_view message) {
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":"{}"}}}})", id,
                       code, message);
}

Verdict answer(const std::string& id, std::string_view result) {
    return {Verdict::Kind::Answer, result_reply(id, result)};
}

std::string rate_limit_reply(const json::Value& root) {
    constexpr int kCode = -32005;
    if (!root.is_array()) {
        return error_reply(source_of(root, "id"), kCode, "rate limited");
    }
    std::string out;
    for (const auto& item : root.items()) {
        out += (out.empty() ? "" : ",") + error_reply(source_of(item, "id"), kCode, "rate limited");
    }
    return "[" + out + "]";
}

std::uint64_t block_of(std::string_view text, std::uint64_t head) {
    if (text.empty() || text == "latest" || text == "pending") {
        return head;
    }
    const auto number = parse_quantity(text);
    return number.has_value() ? number.value() : 0;
}

// The request with its filter between other blocks.
std::string with_range(const json::Value& request, const json::Value& filter, std::uint64_t from,
                       std::uint64_t to) {
    std::string params;
    for (const auto& member : filter.members()) {
        const auto name = member.name.text();
        if (name != "fromBlock" && name != "toBlock") {
            params += fmt::format("{}:{},", member.name.source(), member.value.source());
        }
    }
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"eth_getLogs","params":[{{{})"
                       R"("fromBlock":"{}","toBlock":"{}"}}]}})",
                       source_of(request, "id"), params, quantity(from), quantity(to));
}

std::optional<json::Value> first_param(const json::Value& request) {
    const auto params = request.find("params");
    if (!params || !params->is_array() || params->size() == 0) {
        return std::nullopt;
    }
    return *params->items().begin();
}

// As if the chain ended at `end`; none when the request goes on as it is.
std::optional<Verdict> lagging(const json::Value& request, std::uint64_t end) {
    const auto method = text_of(request, "method");
    const auto id = source_of(request, "id");
    const auto param = first_param(request);
    if (method == "eth_blockNumber") {
        return answer(id, fmt::format("\"{}\"", quantity(end)));
    }
    if (method == "eth_getBlockByNumber" && param && param->is_string()) {
        if (param->text() != "latest") {
            const bool beyond = block_of(param->text(), end) > end;
            return beyond ? std::optional(answer(id, "null")) : std::nullopt;
        }
        auto params = source_of(request, "params");
        params.replace(params.find("\"latest\""), 8, fmt::format("\"{}\"", quantity(end)));
        return Verdict{
            Verdict::Kind::Forward,
            fmt::format(
                R"({{"jsonrpc":"2.0","id":{},"method":"eth_getBlockByNumber","params":{}}})", id,
                params)};
    }
    if (method == "eth_getLogs" && param && !param->find("blockHash")) {
        const auto from = block_of(text_of(*param, "fromBlock"), end);
        const auto to = block_of(text_of(*param, "toBlock"), end);
        if (from > end) {
            return answer(id, "[]");
        }
        if (to > end) {
            return Verdict{Verdict::Kind::Forward, with_range(request, *param, from, end)};
        }
    }
    return std::nullopt;
}

// Blocks that `eth_getLogs` asks for; 0 for another request, or one without numbers.
std::uint64_t log_blocks(const json::Value& request) {
    const auto param = first_param(request);
    if (text_of(request, "method") != "eth_getLogs" || !param) {
        return 0;
    }
    const auto from = parse_quantity(text_of(*param, "fromBlock"));
    const auto to = parse_quantity(text_of(*param, "toBlock"));
    const bool known = from.has_value() && to.has_value() && from.value() <= to.value();
    return known ? to.value() - from.value() + 1 : 0;
}

}  // namespace

Verdict RpcFaults::range_refusal(const std::string& id) {
    ++counts.range_refused;
    const auto& words = kRangeRefusals.at(random_.below(kRangeRefusals.size()));
    return {Verdict::Kind::Answer, error_reply(id, words.code, words.message), words.http_status};
}

Verdict RpcFaults::on_request(const std::string& message, std::uint64_t head) {
    ++counts.requests;
    const auto document = parse(message);
    if (!document) {
        return {Verdict::Kind::Forward, message};
    }
    const auto request = document->root();
    if (rate_limited_left > 0) {
        --rate_limited_left;
        ++counts.rate_limited;
        return {Verdict::Kind::RateLimited, rate_limit_reply(request)};
    }
    const auto id = source_of(request, "id");
    if (faults.chain_id && text_of(request, "method") == "eth_chainId") {
        ++counts.wrong_chain;
        return answer(id, fmt::format("\"{}\"", quantity(*faults.chain_id)));
    }
    if (faults.max_log_blocks && log_blocks(request) > *faults.max_log_blocks) {
        return range_refusal(id);
    }
    if (faults.lag > 0) {
        if (auto verdict = lagging(request, head > faults.lag ? head - faults.lag : 0)) {
            ++counts.lagged;
            return std::move(*verdict);
        }
    }
    return {Verdict::Kind::Forward, message};
}

bool RpcFaults::take_truncation() {
    if (truncations_left == 0) {
        return false;
    }
    --truncations_left;
    ++counts.truncated;
    return true;
}

void SubscriptionFaults::on_request(const std::string& message) {
    const auto document = parse(message);
    if (!document || text_of(document->root(), "method") != "eth_subscribe") {
        return;
    }
    const auto kind = first_param(document->root());
    if (kind && kind->text() == "newHeads") {
        asked_[source_of(document->root(), "id")] = Notifications::NewHeads;
    } else if (kind && kind->text() == "logs") {
        asked_[source_of(document->root(), "id")] = Notifications::Logs;
    }
}

std::vector<std::string> SubscriptionFaults::on_message(const std::string& message) {
    const auto document = parse(message);
    if (!document) {
        return {message};
    }
    const auto root = document->root();
    if (const auto params = root.find("params"); params && params->is_object()) {
        if (!swallowed_.contains(source_of(*params, "subscription"))) {
            return on_notification(message);
        }
        ++endpoint_.counts.swallowed;
        return {};
    }
    const auto asked = asked_.find(source_of(root, "id"));
    if (asked != asked_.end()) {
        active_[source_of(root, "result")] = asked->second;
        asked_.erase(asked);
    }
    return {message};
}

std::vector<std::string> SubscriptionFaults::on_notification(const std::string& message) {
    const auto& faults = endpoint_.faults;
    if (faults.hold_back > 0 && held_.empty()) {
        held_ = message;
        sent_since_ = 0;
        return {};
    }
    std::vector<std::string> out{message};
    if (faults.duplicate) {
        ++endpoint_.counts.duplicated;
        out.push_back(message);
    }
    if (!held_.empty() && ++sent_since_ >= faults.hold_back) {
        ++endpoint_.counts.reordered;
        out.push_back(std::exchange(held_, {}));
    }
    return out;
}

void SubscriptionFaults::swallow(Notifications kind) {
    for (const auto& [id, active] : active_) {
        if (active == kind) {
            swallowed_.insert(id);
        }
    }
}

std::vector<std::string> SubscriptionFaults::release() {
    if (endpoint_.faults.hold_back > 0 || held_.empty()) {
        return {};
    }
    return {std::exchange(held_, {})};
}

}  // namespace wavs::chain_evm::testing
