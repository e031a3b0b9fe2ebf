// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/evm_source.hpp"

#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace wavs::triggers {
namespace {

// What has been read is stored after each piece of a gap, and on an unbroken link every so many
// blocks: a start reads the few blocks since then once more.
constexpr std::uint64_t kStoreEvery = 64;
constexpr auto kHeadTimeout = std::chrono::seconds(5);
// Of the status.
constexpr std::size_t kMostPairsShown = 100;

base::Bytes storage_key(const types::ChainKey& chain) {
    return base::to_bytes("evm/" + chain.str());
}
base::Bytes hashes_key(const types::ChainKey& chain) {
    return base::to_bytes("evm-hashes/" + chain.str());
}

}  // namespace

EvmSource::EvmSource(chain_evm::EvmChain& chain, chain_evm::ChainEvents& events,
                     storage::Store& store, TriggerBatches& batches, async::Timers& timers,
                     base::RandomSource& random, telemetry::Metrics& metrics, BlockOptions blocks)
    : chain_(chain),
      events_(events),
      store_(store),
      batches_(batches),
      timers_(timers),
      random_(random),
      head_gauge_(metrics.gauge("wavs_chain_head_block", "Newest block seen",
                                {{"chain", chain.key().str()}})),
      gap_gauge_(metrics.gauge("wavs_chain_gap_blocks", "Blocks that still have to be read",
                               {{"chain", chain.key().str()}})),
      removed_logs_(metrics.counter("wavs_chain_removed_logs_total",
                                    "Logs taken back by a reorganisation",
                                    {{"chain", chain.key().str()}})),
      reorgs_(metrics.counter("wavs_chain_reorgs_total", "Times a chain replaced blocks",
                              {{"chain", chain.key().str()}})),
      missed_logs_(metrics.counter("wavs_chain_missed_logs_total",
                                   "Logs that the link did not bring and that were found by asking",
                                   {{"chain", chain.key().str()}})),
      dropped_blocks_(
          metrics.counter("wavs_block_interval_dropped_total",
                          "Heights of block intervals left out because too many had been missed",
                          {{"chain", chain.key().str()}})),
      watch_(chain.key()),
      blocks_(chain.key(), blocks) {}

base::Result<void> EvmSource::load() {
    WAVS_TRY(const auto hashes, store_.get(storage::Keyspace::Coverage, hashes_key(chain_.key())));
    WAVS_TRY(auto stored, store_.get(storage::Keyspace::Coverage, storage_key(chain_.key())));
    WAVS_TRY(const auto blocks,
             store_.scan(storage::Keyspace::Coverage,
                         {.prefix = base::to_bytes(BlockWatch::key_prefix(chain_.key()))}));
    const std::lock_guard lock(mutex_);
    for (const auto& position : blocks) {
        WAVS_TRY(blocks_.restore(position));
    }
    if (hashes) {
        WAVS_TRY(hashes_, BlockHashes::decode(*hashes));
    }
    if (!stored || stored->empty()) {
        return base::ok();
    }
    const base::ByteView bytes(*stored);
    WAVS_TRY(auto coverage, Coverage::decode(bytes.subspan(1)));
    watch_.restore(std::move(coverage));
    live_timestamp_ = static_cast<LiveTimestamp>(std::min<std::uint8_t>(bytes[0], 2));
    return base::ok();
}

types::SourcePosition EvmSource::position_locked() const {
    base::Bytes value{static_cast<std::uint8_t>(live_timestamp_)};
    base::append(value, watch_.coverage().encode());
    return {storage_key(chain_.key()), std::move(value)};
}

void EvmSource::append_hashes_locked(std::vector<types::SourcePosition>& positions) {
    if (std::exchange(hashes_due_, false)) {
        positions.push_back({hashes_key(chain_.key()), hashes_.encode()});
    }
}

// The newest block whose events count.
std::uint64_t EvmSource::confirmed(std::uint64_t head) const {
    return head - std::min<std::uint64_t>(head, chain_.config().confirmations);
}

std::uint64_t EvmSource::settled_locked() const {
    if (chain_.config().confirmations > 0) {
        return confirmed(head_);
    }
    return head_ < kSettled ? 0 : head_ - kSettled;
}

async::Task<void> EvmSource::set_index(std::shared_ptr<const TriggerIndex> index,
                                       std::uint64_t version) {
    const auto& next = index->of(chain_.key());
    // Without a log to be read nothing else asks for the head.
    const bool only_blocks = next.pairs.empty() && !next.blocks.empty();
    bool needs_head = only_blocks;
    {
        const std::lock_guard lock(mutex_);
        needs_head = needs_head || watch_.needs_head(*index) || blocks_.needs_head(next.blocks);
    }
    std::optional<std::uint64_t> head;
    if (needs_head) {
        auto client = chain_.client();
        auto answer = co_await async::with_timeout<std::uint64_t>(
            timers_, kHeadTimeout, "eth_blockNumber", client.block_number());
        if (answer.has_value()) {
            head = answer.value();
        }
    }
    {
        const std::lock_guard lock(mutex_);
        if (version <= version_) {
            co_return;
        }
        version_ = version;
        // An endpoint may lag behind the link: no height from before the registration is due.
        blocks_.set_targets(next.blocks, head ? std::optional(std::max(*head, head_)) : head);
        watch_.set_index(std::move(index), head);
        position_due_ = true;
        if (only_blocks) {
            head_ = std::max(head_, head.value_or(0));
        }
        const auto& pairs = watch_.wanted().pairs;
        chain_.subscriber().set_heads(!pairs.empty() || only_blocks);
        chain_.subscriber().set_logs(pairs.empty() ? std::nullopt
                                                   : std::optional(filter_of(pairs)));
    }
    wake();
}

void EvmSource::resume(const types::ServiceId& service, types::ChainPosition at) {
    {
        const std::lock_guard lock(mutex_);
        watch_.resume(service, at);
    }
    wake();
}

// A full queue needs no waking.
void EvmSource::wake() { (void)events_.try_send(chain_evm::Wake{}); }

bool EvmSource::has_read(std::uint64_t block) const {
    const std::lock_guard lock(mutex_);
    return watch_.coverage().gap_blocks(block) == 0 && blocks_.next().value_or(UINT64_MAX) > block;
}

EvmSource::Status EvmSource::status() const {
    const std::lock_guard lock(mutex_);
    const auto& coverage = watch_.coverage();
    Status out;
    out.head = head_;
    out.covered_to = coverage.highest();
    out.gap_blocks = coverage.gap_blocks(settled_locked());
    out.reorgs = reorg_count_;
    out.block_workflows = blocks_.workflows();
    out.next_block = blocks_.next();
    out.pairs = watch_.wanted().pairs.size();
    for (const auto& pair : watch_.wanted().pairs) {
        if (out.covered.size() == kMostPairsShown) {
            break;
        }
        const auto found = coverage.ranges().find(pair);
        out.covered.push_back(
            {pair, found == coverage.ranges().end() ? std::vector<BlockRange>() : found->second});
    }
    return out;
}

async::Task<base::Result<void>> EvmSource::run() {
    {
        // Started again: what was being delivered when it ended is read once more.
        const std::lock_guard lock(mutex_);
        watch_.make_stale();
        hashes_due_ = true;
    }
    while (true) {
        if (!current_) {
            WAVS_CO_TRY(auto event, co_await events_.receive());
            current_ = std::move(event);
        }
        WAVS_CO_FAULT(timers_, base::FaultPoint::Source);
        WAVS_CO_TRY(co_await on_event(*current_));
        current_.reset();
        bool stale = false;
        bool due = false;
        {
            const std::lock_guard lock(mutex_);
            stale = watch_.stale();
            due = std::exchange(position_due_, false);
        }
        if (stale && subscribed_) {
            WAVS_CO_TRY(co_await catch_up());
        } else {
            WAVS_CO_TRY(co_await check_live());
            if (due) {
                WAVS_CO_TRY(co_await store_position());
            }
        }
        WAVS_CO_TRY(co_await deliver_blocks());
    }
}

async::Task<base::Result<void>> EvmSource::on_event(const chain_evm::ChainEvent& event) {
    if (const auto* live = std::get_if<chain_evm::FilterLive>(&event)) {
        subscribed_ = live->filter;
        co_return co_await catch_up();
    }
    if (const auto* seen = std::get_if<chain_evm::LogSeen>(&event)) {
        co_return co_await on_live_log(seen->log);
    }
    if (const auto* head = std::get_if<chain_evm::HeadSeen>(&event)) {
        co_return co_await on_head(head->header);
    }
    if (std::holds_alternative<chain_evm::Connected>(event)) {
        co_await on_connected();
    }
    if (const auto* removed = std::get_if<chain_evm::LogRemoved>(&event)) {
        on_removed_log(removed->log);
    }
    if (std::holds_alternative<chain_evm::Disconnected>(event)) {
        subscribed_.reset();
        live_check_.stop();
        const std::lock_guard lock(mutex_);
        watch_.broken();
    }
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::on_head(const chain_evm::BlockHeader& header) {
    chain_.on_head();
    live_check_.on_head(header, chain_.clock().steady_now());
    const std::lock_guard lock(mutex_);
    head_ = std::max(head_, header.number);
    head_gauge_.set(static_cast<double>(head_));
    blocks_.start_pending(header.number);
    const auto fit = hashes_.fit(header);
    if (fit == BlockHashes::Fit::Follows && header.hash) {
        hashes_.add(header.number, *header.hash);
        hashes_due_ = true;
    }
    if (fit == BlockHashes::Fit::Unlinked) {
        unlinked_ = header;
    }
    if (fit == BlockHashes::Fit::Differs || fit == BlockHashes::Fit::Unlinked ||
        chain_.config().confirmations > 0) {
        watch_.make_stale();
    }
    gap_gauge_.set(static_cast<double>(watch_.coverage().gap_blocks(settled_locked())));
    if (header.number >= stored_at_ + kStoreEvery) {
        stored_at_ = header.number;
        position_due_ = true;
    }
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::on_live_log(chain_evm::EvmLog log) {
    {
        const std::lock_guard lock(mutex_);
        if (live_timestamp_ == LiveTimestamp::Unknown) {
            live_timestamp_ = log.block_timestamp ? LiveTimestamp::Yes : LiveTimestamp::No;
            position_due_ = true;
        }
    }
    if (!take_block_of(log) || chain_.config().confirmations > 0) {
        co_return base::ok();
    }
    // Before its filter is in force a log would overtake those of the gap before it, which is read
    // then.
    if (!subscribed_ || !chain_evm::matches(*subscribed_, log)) {
        co_return base::ok();
    }
    live_check_.on_log(log.block_number.value_or(0));
    const auto key = chain_evm::key_of(log);
    if (key && delivered_.contains(*key)) {
        co_return base::ok();
    }
    std::vector<chain_evm::EvmLog> one;
    one.push_back(std::move(log));
    co_return co_await deliver(std::move(one));
}

// False when the log is not to be delivered: its block is not the one that was read with this
// number. The chain tells which of the two it has, and a log of the other is read from there.
bool EvmSource::take_block_of(const chain_evm::EvmLog& log) {
    if (!log.block_number || !log.block_hash) {
        return true;
    }
    const std::lock_guard lock(mutex_);
    const auto fit = hashes_.fit(*log.block_number, *log.block_hash);
    if (fit == BlockHashes::Fit::Differs) {
        watch_.make_stale();
        return false;
    }
    const bool unknown = fit == BlockHashes::Fit::Unlinked || fit == BlockHashes::Fit::Older;
    if (unknown && chain_.config().confirmations == 0) {
        if (fit == BlockHashes::Fit::Older) {
            watch_.make_stale();  // no head will say whether it fits
        }
        hashes_.note(*log.block_number, *log.block_hash);
        hashes_due_ = true;
    }
    return true;
}

void EvmSource::on_removed_log(const chain_evm::EvmLog& log) {
    removed_logs_.add();
    telemetry::log_warn("triggers", "the chain took a log back",
                        {{"chain", chain_.key().str()}, {"block", log.block_number.value_or(0)}});
    const std::lock_guard lock(mutex_);
    // Of a block that is not ours any more nothing is left to be done.
    if (!log.block_number || !log.block_hash ||
        hashes_.fit(*log.block_number, *log.block_hash) != BlockHashes::Fit::Differs) {
        watch_.make_stale();
    }
}

async::Task<base::Result<void>> EvmSource::store_position() {
    types::TriggerBatch batch;
    batch.source = chain_.key().str();
    {
        const std::lock_guard lock(mutex_);
        batch.positions.push_back(position_locked());
        append_hashes_locked(batch.positions);
    }
    co_return co_await batches_.send(std::move(batch));
}

async::Task<base::Result<void>> EvmSource::deliver(std::vector<chain_evm::EvmLog> logs) {
    types::TriggerBatch batch;
    batch.source = chain_.key().str();
    std::vector<chain_evm::LogKey> keys;
    for (auto& log : logs) {
        // First for all: what has been seen may not be lost to an error.
        WAVS_CO_TRY(co_await apply_timestamp_rule(log));
    }
    for (const auto& log : logs) {
        if (const auto key = chain_evm::key_of(log)) {
            keys.push_back(*key);
        }
        EvmWatch::Seen seen;
        {
            const std::lock_guard lock(mutex_);
            seen = watch_.see(log);
        }
        std::move(seen.events.begin(), seen.events.end(), std::back_inserter(batch.events));
        if (seen.change) {
            WAVS_CO_TRY(co_await deliver_blocks_before(*seen.change));
            batch.changes.push_back(std::move(*seen.change));
        }
    }
    if (batch.events.empty() && batch.changes.empty()) {
        co_return base::ok();
    }
    {
        const std::lock_guard lock(mutex_);
        append_hashes_locked(batch.positions);
    }
    WAVS_CO_TRY(co_await batches_.send(std::move(batch)));
    for (const auto& key : keys) {
        delivered_.add(key);
    }
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::apply_timestamp_rule(chain_evm::EvmLog& log) {
    const auto rule = chain_.config().block_timestamp;
    LiveTimestamp live = LiveTimestamp::Unknown;
    {
        const std::lock_guard lock(mutex_);
        live = live_timestamp_;
    }
    const bool must_have =
        rule == types::BlockTimestamp::Present ||
        (rule == types::BlockTimestamp::AsDelivered && live == LiveTimestamp::Yes);
    const bool must_not = rule == types::BlockTimestamp::Absent ||
                          (rule == types::BlockTimestamp::AsDelivered && live == LiveTimestamp::No);
    if (must_not) {
        log.block_timestamp.reset();
    } else if (must_have && !log.block_timestamp && log.block_hash) {
        auto client = chain_.client();
        WAVS_CO_TRY(auto header, co_await client.block_by_hash(*log.block_hash));
        if (header) {
            log.block_timestamp = header->timestamp;
        }
    }
    co_return base::ok();
}

}  // namespace wavs::triggers
