// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/json_fwd.hpp"
#include "wavs/types/trigger_data.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace wavs::chain_evm {

/// A log as a chain node delivers it; what a pending log lacks is absent.
struct EvmLog {
    types::EvmAddress address;
    std::vector<types::Bytes32> topics;
    base::Bytes data;
    std::optional<types::Bytes32> block_hash;
    std::optional<std::uint64_t> block_number;
    std::optional<types::Bytes32> tx_hash;
    std::optional<std::uint64_t> tx_index;
    std::optional<std::uint64_t> log_index;
    /// Present only where the node sent it: it is part of the event id.
    std::optional<std::uint64_t> block_timestamp;
    bool removed = false;
    friend bool operator==(const EvmLog&, const EvmLog&) = default;
};

/// Unknown members are ignored; address is required, topics and data default to empty.
base::Result<EvmLog> read_log(const types::json::Value& value);
base::Result<EvmLog> parse_log(std::string_view json);

/// The trigger data of a log, `chain` being the manifest's key. Invalid, code `log_incomplete` or
/// `log_removed`, when the log cannot be a trigger.
base::Result<types::EvmEventData> to_trigger_data(const EvmLog& log, const types::ChainKey& chain);

/// What makes two deliveries of a log the same.
struct LogKey {
    types::Bytes32 block_hash;
    types::Bytes32 tx_hash;
    std::uint64_t log_index = 0;
    friend bool operator==(const LogKey&, const LogKey&) = default;
};
std::optional<LogKey> key_of(const EvmLog& log);
struct LogKeyHash {
    std::size_t operator()(const LogKey& key) const;
};

/// The keys of the last logs, so that a log that arrives over two subscriptions, or live and by a
/// backfill, counts once. Thread-safe.
class LogWindow {
public:
    static constexpr std::size_t kDefaultCapacity = 131'072;
    explicit LogWindow(std::size_t capacity = kDefaultCapacity) : capacity_(capacity) {}

    bool contains(const LogKey& key) const;
    /// False when it was there.
    bool add(const LogKey& key);
    /// A log that its chain took back may come again.
    void forget(const LogKey& key);
    std::size_t size() const;

private:
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::unordered_set<LogKey, LogKeyHash> keys_;
    std::deque<LogKey> order_;
};

}  // namespace wavs::chain_evm
