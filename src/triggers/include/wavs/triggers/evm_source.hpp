// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/evm_chain.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/triggers/block_hashes.hpp"
#include "wavs/triggers/block_watch.hpp"
#include "wavs/triggers/evm_watch.hpp"
#include "wavs/triggers/live_check.hpp"
#include "wavs/triggers/trigger_batches.hpp"

#include <memory>
#include <mutex>

namespace wavs::triggers {

/// The logs and heights of one EVM chain as trigger actions. Each time a subscription is in force,
/// what happened since the last block that was read is fetched by `eth_getLogs`, so that a link
/// that broke, a changed filter or a restart leaves no gap. What has been read is stored in the
/// same batch as the events. Before that is read, and whenever something on the link does not fit,
/// the chain is compared with the hashes of the blocks that were read; what it replaced is
/// retracted and read again. On a chain with `confirmations` nothing is taken from the link: each
/// head has the blocks read that are so deep. What the link does not bring is found by asking for
/// the logs of its blocks once more (`LiveCheck`). The decisions are `EvmWatch`'s, those of block
/// intervals `BlockWatch`'s. `run()` is one task on the chain's strand; the other methods are
/// thread-safe.
class EvmSource {
public:
    EvmSource(chain_evm::EvmChain& chain, chain_evm::ChainEvents& events, storage::Store& store,
              TriggerBatches& batches, async::Timers& timers, base::RandomSource& random,
              telemetry::Metrics& metrics, BlockOptions blocks);

    /// What is stored of the chain; once, before anything else.
    base::Result<void> load();

    /// Another set of services. What has no moment of its own on this chain is watched from the
    /// block after the current head; when the chain does not answer now, from the head of the first
    /// connection. A version that is not above the last one is ignored.
    async::Task<void> set_index(std::shared_ptr<const TriggerIndex> index, std::uint64_t version);
    /// See `EvmWatch::resume()`.
    void resume(const types::ServiceId& service, types::ChainPosition at);
    /// True when every block up to this one has been read and its block intervals have fired.
    bool has_read(std::uint64_t block) const;

    async::Task<base::Result<void>> run();

    /// A pair of address and topic with the ranges of blocks that were read for it.
    struct Covered {
        Coverage::Pair pair;
        std::vector<BlockRange> ranges;
    };
    struct Status {
        std::uint64_t head = 0;
        std::uint64_t covered_to = 0;
        std::uint64_t gap_blocks = 0;
        /// Since the start of the node.
        std::uint64_t reorgs = 0;
        /// All that are watched, and the first of them.
        std::size_t pairs = 0;
        std::vector<Covered> covered;
        std::size_t block_workflows = 0;
        /// The height that fires next.
        std::optional<std::uint64_t> next_block;
    };
    Status status() const;

private:
    /// A block whose logs are asked for when the head is this far past it counts as read.
    static constexpr std::uint64_t kSettled = 2;

    /// Whether live logs of this chain carry the time of their block.
    enum class LiveTimestamp : std::uint8_t { Unknown = 0, Yes = 1, No = 2 };

    async::Task<base::Result<void>> on_event(const chain_evm::ChainEvent& event);
    async::Task<base::Result<void>> on_head(const chain_evm::BlockHeader& header);
    async::Task<base::Result<void>> on_live_log(chain_evm::EvmLog log);
    async::Task<void> on_connected();
    void on_removed_log(const chain_evm::EvmLog& log);
    bool take_block_of(const chain_evm::EvmLog& log);
    async::Task<base::Result<void>> catch_up();
    async::Task<base::Result<void>> read_gap();
    async::Task<base::Result<chain_evm::BlockHeader>> compare_with_chain(
        chain_evm::RpcClient client);
    async::Task<base::Result<void>> check_live();
    async::Task<base::Result<std::optional<std::vector<chain_evm::EvmLog>>>> read_logs(
        chain_evm::LogFilter filter, BlockRange range);
    async::Task<base::Result<void>> ask_again(BlockRange range, std::uint64_t settled);
    async::Task<base::Result<void>> make_up(std::vector<chain_evm::EvmLog> logs,
                                            std::uint64_t settled);
    async::Task<base::Result<void>> retract(Fork fork, chain_evm::BlockHeader latest);
    async::Task<base::Result<void>> remember(chain_evm::BlockHeader latest);
    async::Task<base::Result<void>> deliver(std::vector<chain_evm::EvmLog> logs);
    async::Task<base::Result<void>> store_position();
    async::Task<base::Result<void>> deliver_blocks();
    async::Task<base::Result<void>> deliver_blocks_before(types::ServiceUriChange change);
    async::Task<base::Result<void>> read_announcements(EvmWatch::Unread unread);
    async::Task<base::Result<void>> send_blocks();
    void take_blocks(std::uint64_t height, const BlockWatch::Limit& limit);
    async::Task<base::Result<void>> apply_timestamp_rule(chain_evm::EvmLog& log);
    types::SourcePosition position_locked() const;
    void append_hashes_locked(std::vector<types::SourcePosition>& positions);
    std::uint64_t settled_locked() const;
    std::uint64_t confirmed(std::uint64_t head) const;
    void wake();

    chain_evm::EvmChain& chain_;
    chain_evm::ChainEvents& events_;
    storage::Store& store_;
    TriggerBatches& batches_;
    async::Timers& timers_;
    base::RandomSource& random_;
    telemetry::Gauge head_gauge_;
    telemetry::Gauge gap_gauge_;
    telemetry::Counter removed_logs_;
    telemetry::Counter reorgs_;
    telemetry::Counter missed_logs_;
    telemetry::Counter dropped_blocks_;

    // These only `run()` touches: what it was handling when it failed, which comes again; the
    // filter of the link that is up, none while it is broken; block intervals that are being handed
    // over, the head at which announcements were last asked for on their account, and when they are
    // asked for again because no answer came; which blocks of the link are still to be asked for,
    // and what was handed over of them.
    std::optional<chain_evm::ChainEvent> current_;
    std::optional<chain_evm::LogFilter> subscribed_;
    std::optional<types::TriggerBatch> unsent_blocks_;
    std::uint64_t asked_at_ = 0;
    std::optional<base::SteadyTime> ask_again_at_;
    LiveCheck live_check_;
    /// The blocks that the link is to bring begin here; those before it were read.
    std::uint64_t link_from_ = 0;
    chain_evm::LogWindow delivered_{65'536};

    mutable std::mutex mutex_;
    EvmWatch watch_;
    BlockWatch blocks_;
    BlockHashes hashes_;
    // Changed since they were stored. No event leaves without the hashes as they are then: a start
    // must recognise that its block was replaced meanwhile.
    bool hashes_due_ = false;
    // A head whose place the next comparison shows.
    std::optional<chain_evm::BlockHeader> unlinked_;
    std::uint64_t reorg_count_ = 0;
    LiveTimestamp live_timestamp_ = LiveTimestamp::Unknown;
    std::uint64_t head_ = 0;
    std::uint64_t stored_at_ = 0;
    bool position_due_ = false;
    std::uint64_t version_ = 0;
};

}  // namespace wavs::triggers
