// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/chain_evm/evm_chain.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/triggers/coverage.hpp"
#include "wavs/triggers/trigger_index.hpp"

#include <memory>
#include <mutex>

namespace wavs::triggers {

/// Where the sources deliver to.
struct SourceOutputs {
    async::Channel<types::TriggerBatch>& batches;
    async::Channel<types::ServiceUriChange>& uri_changes;
};

/// The logs of one EVM chain as trigger actions. Each time a subscription is in force, what
/// happened since the last block that was read is fetched by `eth_getLogs`, so that a link that
/// broke, a changed filter or a restart leaves no gap. What has been read is stored in the same
/// batch as the events. `run()` is one task on the chain's strand; `set_index()` and `status()` are
/// thread-safe.
class EvmSource {
public:
    EvmSource(chain_evm::EvmChain& chain, chain_evm::ChainEvents& events, storage::Store& store,
              SourceOutputs outputs, async::Timers& timers, base::RandomSource& random,
              telemetry::Metrics& metrics);

    /// The stored coverage; once, before anything else.
    base::Result<void> load();

    /// Another set of services. New pairs are watched from the block after the current head; when
    /// the chain does not answer now, from the head of the first connection.
    async::Task<void> set_index(std::shared_ptr<const TriggerIndex> index);

    async::Task<base::Result<void>> run();

    struct Status {
        std::uint64_t head = 0;
        std::uint64_t covered_to = 0;
        std::uint64_t gap_blocks = 0;
    };
    Status status() const;

private:
    /// Whether live logs of this chain carry the time of their block.
    enum class LiveTimestamp : std::uint8_t { Unknown = 0, Yes = 1, No = 2 };

    async::Task<base::Result<void>> on_event(chain_evm::ChainEvent event);
    async::Task<base::Result<void>> on_head(const chain_evm::BlockHeader& header);
    async::Task<base::Result<void>> on_live_log(chain_evm::EvmLog log);
    async::Task<base::Result<void>> catch_up(chain_evm::LogFilter filter);
    async::Task<base::Result<void>> read_gap(const chain_evm::LogFilter& filter);
    async::Task<base::Result<void>> deliver(std::vector<chain_evm::EvmLog> logs, bool positions);
    async::Task<base::Result<void>> announce(const types::ServiceId& service,
                                             const chain_evm::EvmLog& log);
    async::Task<base::Result<void>> apply_timestamp_rule(chain_evm::EvmLog& log);
    std::vector<types::TriggerAction> match(const chain_evm::EvmLog& log) const;
    void watch_new_pairs(std::uint64_t first);
    types::SourcePosition position() const;

    chain_evm::EvmChain& chain_;
    chain_evm::ChainEvents& events_;
    storage::Store& store_;
    SourceOutputs outputs_;
    async::Timers& timers_;
    base::RandomSource& random_;
    telemetry::Gauge head_gauge_;
    telemetry::Gauge gap_gauge_;
    telemetry::Counter removed_logs_;

    mutable std::mutex mutex_;
    std::shared_ptr<const TriggerIndex> index_ = std::make_shared<TriggerIndex>();
    Coverage coverage_;
    LiveTimestamp live_timestamp_ = LiveTimestamp::Unknown;
    std::uint64_t head_ = 0;
    std::uint64_t stored_at_ = 0;
    // False from a broken link until the gap behind it has been read.
    bool contiguous_ = false;
};

}  // namespace wavs::triggers
