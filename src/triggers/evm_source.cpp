// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/evm_source.hpp"

#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace wavs::triggers {
namespace {

// Logs of a block may arrive after the next head, so blocks this close to the head are read once
// more after a break. A log that comes twice is dropped by its key, or by its event id when the
// first delivery was before a restart.
constexpr std::uint64_t kOverlap = 16;
// A block counts as read when the head is this far past it.
constexpr std::uint64_t kSettled = 2;
// What has been read is stored after each piece of a gap, and on an unbroken link every so many
// blocks: a start reads the few blocks since then once more.
constexpr std::uint64_t kStoreEvery = 64;
constexpr auto kHeadTimeout = std::chrono::seconds(5);

base::Bytes storage_key(const types::ChainKey& chain) {
    return base::to_bytes("evm/" + chain.str());
}

}  // namespace

EvmSource::EvmSource(chain_evm::EvmChain& chain, chain_evm::ChainEvents& events,
                     storage::Store& store, TriggerBatches& batches, async::Timers& timers,
                     base::RandomSource& random, telemetry::Metrics& metrics)
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
      watch_(chain.key()) {}

base::Result<void> EvmSource::load() {
    WAVS_TRY(auto stored, store_.get(storage::Keyspace::Coverage, storage_key(chain_.key())));
    if (!stored || stored->empty()) {
        return base::ok();
    }
    const base::ByteView bytes(*stored);
    WAVS_TRY(auto coverage, Coverage::decode(bytes.subspan(1)));
    const std::lock_guard lock(mutex_);
    watch_.restore(std::move(coverage));
    live_timestamp_ = static_cast<LiveTimestamp>(std::min<std::uint8_t>(bytes[0], 2));
    return base::ok();
}

types::SourcePosition EvmSource::position_locked() const {
    base::Bytes value{static_cast<std::uint8_t>(live_timestamp_)};
    base::append(value, watch_.coverage().encode());
    return {storage_key(chain_.key()), std::move(value)};
}

std::uint64_t EvmSource::settled_locked() const { return head_ < kSettled ? 0 : head_ - kSettled; }

async::Task<void> EvmSource::set_index(std::shared_ptr<const TriggerIndex> index,
                                       std::uint64_t version) {
    bool needs_head = false;
    {
        const std::lock_guard lock(mutex_);
        needs_head = watch_.needs_head(*index);
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
        watch_.set_index(std::move(index), head);
        position_due_ = true;
        const auto& pairs = watch_.wanted().pairs;
        chain_.subscriber().set_heads(!pairs.empty());
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
    return watch_.coverage().gap_blocks(block) == 0;
}

EvmSource::Status EvmSource::status() const {
    const std::lock_guard lock(mutex_);
    return {head_, watch_.coverage().highest(), watch_.coverage().gap_blocks(settled_locked())};
}

async::Task<base::Result<void>> EvmSource::run() {
    {
        // Started again: what was being delivered when it ended is read once more.
        const std::lock_guard lock(mutex_);
        watch_.make_stale();
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
        } else if (due) {
            WAVS_CO_TRY(co_await store_position());
        }
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
    if (const auto* removed = std::get_if<chain_evm::LogRemoved>(&event)) {
        removed_logs_.add();
        telemetry::log_warn(
            "triggers", "the chain took a log back",
            {{"chain", chain_.key().str()}, {"block", removed->log.block_number.value_or(0)}});
    }
    if (std::holds_alternative<chain_evm::Disconnected>(event)) {
        subscribed_.reset();
        const std::lock_guard lock(mutex_);
        watch_.broken();
    }
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::on_head(const chain_evm::BlockHeader& header) {
    chain_.on_head();
    const std::lock_guard lock(mutex_);
    head_ = std::max(head_, header.number);
    head_gauge_.set(static_cast<double>(head_));
    if (header.number >= kSettled) {
        watch_.on_head(header.number - kSettled);
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
    std::vector<chain_evm::EvmLog> one;
    one.push_back(std::move(log));
    co_return co_await deliver(std::move(one));
}

// Live logs wait in the channel meanwhile, so history comes before them.
async::Task<base::Result<void>> EvmSource::catch_up() {
    async::Backoff backoff(std::chrono::seconds(1), std::chrono::seconds(30), random_);
    while (true) {
        auto read = co_await read_gap();
        if (read.has_value() || read.error().kind() == base::ErrorKind::Cancelled) {
            co_return read;
        }
        telemetry::log_failure(telemetry::Level::Warn, "triggers",
                               "the blocks since the last connection cannot be read yet",
                               read.error(), {{"chain", chain_.key().str()}});
        WAVS_CO_TRY(co_await timers_.sleep_for(backoff.next()));
    }
}

async::Task<base::Result<void>> EvmSource::read_gap() {
    const auto filter = *subscribed_;
    auto client = chain_.client();
    WAVS_CO_TRY(const std::uint64_t head, co_await client.block_number());
    std::optional<std::uint64_t> missing;
    {
        const std::lock_guard lock(mutex_);
        head_ = std::max(head_, head);
        watch_.start_pending(head);
        watch_.begin_reading();
        missing = watch_.first_missing(filter, head);
    }
    std::uint64_t from = missing ? *missing - std::min(*missing, kOverlap) : head + 1;
    if (missing && head - *missing > kOverlap) {
        telemetry::log_info("triggers", "reading the blocks since the last connection",
                            {{"chain", chain_.key().str()}, {"from", from}, {"to", head}});
    }
    chain_evm::LogRangeReader reader(client);
    while (from <= head) {
        WAVS_CO_TRY(auto piece, co_await reader.next(filter, from, head));
        from = piece.to + 1;
        // In this order: an announcement among the logs holds its block back.
        WAVS_CO_TRY(co_await deliver(std::move(piece.logs)));
        {
            const std::lock_guard lock(mutex_);
            watch_.read(filter, {piece.from, piece.to});
        }
        WAVS_CO_TRY(co_await store_position());
    }
    const std::lock_guard lock(mutex_);
    watch_.live(filter);
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::store_position() {
    types::TriggerBatch batch;
    batch.source = chain_.key().str();
    {
        const std::lock_guard lock(mutex_);
        batch.positions.push_back(position_locked());
    }
    co_return co_await batches_.send(std::move(batch));
}

async::Task<base::Result<void>> EvmSource::deliver(std::vector<chain_evm::EvmLog> logs) {
    types::TriggerBatch batch;
    batch.source = chain_.key().str();
    for (auto& log : logs) {
        WAVS_CO_TRY(co_await apply_timestamp_rule(log));
        EvmWatch::Seen seen;
        {
            const std::lock_guard lock(mutex_);
            seen = watch_.see(log);
        }
        std::move(seen.events.begin(), seen.events.end(), std::back_inserter(batch.events));
        if (seen.change) {
            batch.changes.push_back(std::move(*seen.change));
        }
    }
    if (batch.events.empty() && batch.changes.empty()) {
        co_return base::ok();
    }
    co_return co_await batches_.send(std::move(batch));
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
