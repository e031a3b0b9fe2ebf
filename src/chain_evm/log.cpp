// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/log.hpp"

#include "rpc_json.hpp"

#include <cstring>

namespace wavs::chain_evm {
namespace {

constexpr std::size_t kMaxTopics = 4;

base::Result<std::vector<types::Bytes32>> read_topics(const json::Value& log) {
    std::vector<types::Bytes32> out;
    const auto topics = log.find("topics");
    if (!topics || topics->is_null()) {
        return out;
    }
    if (!topics->is_array() || topics->size() > kMaxTopics) {
        return topics->shape_error("expected at most 4 topics");
    }
    for (const auto& item : topics->items()) {
        WAVS_TRY(auto topic, json::read_bytes32(item));
        out.push_back(topic);
    }
    return out;
}

base::Error incomplete(std::string_view name) {
    return {base::ErrorKind::Invalid, "log_incomplete", fmt::format("a log without {}", name)};
}

}  // namespace

base::Result<EvmLog> read_log(const json::Value& value) {
    if (!value.is_object()) {
        return value.shape_error("expected a log object");
    }
    EvmLog out;
    WAVS_TRY(out.address, read_required(value, "address", json::read_evm_address));
    WAVS_TRY(out.topics, read_topics(value));
    WAVS_TRY(auto data, read_optional(value, "data", read_data));
    out.data = std::move(data).value_or(base::Bytes());
    WAVS_TRY(out.block_hash, read_optional(value, "blockHash", json::read_bytes32));
    WAVS_TRY(out.block_number, read_optional(value, "blockNumber", read_quantity));
    WAVS_TRY(out.tx_hash, read_optional(value, "transactionHash", json::read_bytes32));
    WAVS_TRY(out.tx_index, read_optional(value, "transactionIndex", read_quantity));
    WAVS_TRY(out.log_index, read_optional(value, "logIndex", read_quantity));
    WAVS_TRY(out.block_timestamp, read_optional(value, "blockTimestamp", read_quantity));
    WAVS_TRY(auto removed, read_optional(value, "removed", json::read_bool));
    out.removed = removed.value_or(false);
    return out;
}

base::Result<EvmLog> parse_log(std::string_view text) {
    WAVS_TRY(auto document, json::Document::parse(text));
    return read_log(document.root());
}

base::Result<types::EvmEventData> to_trigger_data(const EvmLog& log, const types::ChainKey& chain) {
    if (log.removed) {
        return base::Error(base::ErrorKind::Invalid, "log_removed", "the chain took this log back");
    }
    if (!log.block_hash) {
        return incomplete("blockHash");
    }
    if (!log.block_number) {
        return incomplete("blockNumber");
    }
    if (!log.tx_hash) {
        return incomplete("transactionHash");
    }
    if (!log.tx_index) {
        return incomplete("transactionIndex");
    }
    if (!log.log_index) {
        return incomplete("logIndex");
    }
    if (log.topics.empty()) {
        return incomplete("topics");
    }
    types::EvmEventData out;
    out.chain = chain;
    out.contract_address = log.address;
    out.topics = log.topics;
    out.data = log.data;
    out.tx_hash = *log.tx_hash;
    out.block_number = *log.block_number;
    out.log_index = *log.log_index;
    out.block_hash = *log.block_hash;
    out.block_timestamp = log.block_timestamp;
    out.tx_index = *log.tx_index;
    return out;
}

std::optional<LogKey> key_of(const EvmLog& log) {
    if (!log.block_hash || !log.tx_hash || !log.log_index) {
        return std::nullopt;
    }
    return LogKey{*log.block_hash, *log.tx_hash, *log.log_index};
}

std::size_t LogKeyHash::operator()(const LogKey& key) const {
    const base::FixedBytesHash bytes;
    // The odd factor spreads the index of logs of one transaction.
    return bytes(key.block_hash) ^ (bytes(key.tx_hash) * 3) ^
           (static_cast<std::size_t>(key.log_index) * 0x9e3779b97f4a7c15ULL);
}

bool LogWindow::contains(const LogKey& key) const {
    const std::lock_guard lock(mutex_);
    return keys_.contains(key);
}

bool LogWindow::add(const LogKey& key) {
    const std::lock_guard lock(mutex_);
    if (!keys_.insert(key).second) {
        return false;
    }
    order_.push_back(key);
    while (order_.size() > capacity_) {
        keys_.erase(order_.front());
        order_.pop_front();
    }
    return true;
}

void LogWindow::forget(const LogKey& key) {
    const std::lock_guard lock(mutex_);
    if (keys_.erase(key) > 0) {
        std::erase(order_, key);
    }
}

std::size_t LogWindow::size() const {
    const std::lock_guard lock(mutex_);
    return keys_.size();
}

}  // namespace wavs::chain_evm
