// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/evm_source.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/selectors.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

// Logs of a block may arrive after the next head, so blocks this close to the head are read once
// more after a break. A log that comes twice is dropped by its key, or by its event id when the
// first delivery was before a restart.
constexpr std::uint64_t kOverlap = 16;
// A block counts as read when the head is this far past it.
constexpr std::uint64_t kSettled = 2;
// The position is stored with events; without events at most every so many blocks.
constexpr std::uint64_t kStoreEvery = 64;
constexpr auto kHeadTimeout = std::chrono::seconds(5);

base::Bytes storage_key(const types::ChainKey& chain) {
    return base::to_bytes("evm/" + chain.str());
}

}  // namespace

EvmSource::EvmSource(chain_evm::EvmChain& chain, chain_evm::ChainEvents& events,
                     storage::Store& store, SourceOutputs outputs, async::Timers& timers,
                     base::RandomSource& random, telemetry::Metrics& metrics)
    : chain_(chain),
      events_(events),
      store_(store),
      outputs_(outputs),
      timers_(timers),
      random_(random),
      head_gauge_(metrics.gauge("wavs_chain_head_block", "Newest block seen",
                                {{"chain", chain.key().str()}})),
      gap_gauge_(metrics.gauge("wavs_chain_gap_blocks", "Blocks that still have to be read",
                               {{"chain", chain.key().str()}})),
      removed_logs_(metrics.counter("wavs_chain_removed_logs_total",
                                    "Logs taken back by a reorganisation",
                                    {{"chain", chain.key().str()}})) {}

base::Result<void> EvmSource::load() {
    WAVS_TRY(auto stored, store_.get(storage::Keyspace::Coverage, storage_key(chain_.key())));
    if (!stored || stored->empty()) {
        return base::ok();
    }
    const base::ByteView bytes(*stored);
    WAVS_TRY(auto coverage, Coverage::decode(bytes.subspan(1)));
    const std::lock_guard lock(mutex_);
    coverage_ = std::move(coverage);
    live_timestamp_ = static_cast<LiveTimestamp>(std::min<std::uint8_t>(bytes[0], 2));
    return base::ok();
}

types::SourcePosition EvmSource::position() const {
    base::Bytes value{static_cast<std::uint8_t>(live_timestamp_)};
    base::append(value, coverage_.encode());
    return {storage_key(chain_.key()), std::move(value)};
}

async::Task<void> EvmSource::set_index(std::shared_ptr<const TriggerIndex> index) {
    const auto& wanted = index->pairs(chain_.key());
    bool has_new = false;
    {
        const std::lock_guard lock(mutex_);
        has_new = std::any_of(wanted.begin(), wanted.end(),
                              [this](const auto& pair) { return !coverage_.watched(pair); });
    }
    std::optional<std::uint64_t> head;
    if (has_new) {
        auto client = chain_.client();
        auto answer = co_await async::with_timeout<std::uint64_t>(
            timers_, kHeadTimeout, "eth_blockNumber", client.block_number());
        if (answer.has_value()) {
            head = answer.value();
        }
    }
    {
        const std::lock_guard lock(mutex_);
        for (const auto& pair : index_->pairs(chain_.key())) {
            if (!wanted.contains(pair)) {
                coverage_.forget(pair);
            }
        }
        index_ = index;
        if (head) {
            watch_new_pairs(*head + 1);
        }
    }
    chain_.subscriber().set_heads(!wanted.empty());
    chain_.subscriber().set_logs(wanted.empty() ? std::nullopt : std::optional(filter_of(wanted)));
}

void EvmSource::watch_new_pairs(std::uint64_t first) {
    for (const auto& pair : index_->pairs(chain_.key())) {
        coverage_.watch(pair, first);
    }
}

EvmSource::Status EvmSource::status() const {
    const std::lock_guard lock(mutex_);
    return {head_, coverage_.highest(),
            coverage_.gap_blocks(head_ < kSettled ? 0 : head_ - kSettled)};
}

async::Task<base::Result<void>> EvmSource::run() {
    while (true) {
        WAVS_CO_TRY(auto event, co_await events_.receive());
        WAVS_CO_TRY(co_await on_event(std::move(event)));
    }
}

async::Task<base::Result<void>> EvmSource::on_event(chain_evm::ChainEvent event) {
    if (const auto* live = std::get_if<chain_evm::FilterLive>(&event)) {
        co_return co_await catch_up(live->filter);
    }
    if (auto* seen = std::get_if<chain_evm::LogSeen>(&event)) {
        co_return co_await on_live_log(std::move(seen->log));
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
        const std::lock_guard lock(mutex_);
        contiguous_ = false;
    }
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::on_head(const chain_evm::BlockHeader& header) {
    chain_.on_head();
    types::TriggerBatch batch{.source = chain_.key().str()};
    {
        const std::lock_guard lock(mutex_);
        head_ = std::max(head_, header.number);
        head_gauge_.set(static_cast<double>(head_));
        if (contiguous_ && header.number > kSettled) {
            const auto settled = header.number - kSettled;
            if (const auto missing = coverage_.first_missing(settled)) {
                coverage_.add({*missing, settled});
            }
        }
        gap_gauge_.set(
            static_cast<double>(coverage_.gap_blocks(head_ < kSettled ? 0 : head_ - kSettled)));
        if (!contiguous_ || header.number < stored_at_ + kStoreEvery) {
            co_return base::ok();
        }
        stored_at_ = header.number;
        batch.positions.push_back(position());
    }
    co_return co_await outputs_.batches.send(std::move(batch));
}

async::Task<base::Result<void>> EvmSource::on_live_log(chain_evm::EvmLog log) {
    {
        const std::lock_guard lock(mutex_);
        if (live_timestamp_ == LiveTimestamp::Unknown) {
            live_timestamp_ = log.block_timestamp ? LiveTimestamp::Yes : LiveTimestamp::No;
        }
    }
    std::vector<chain_evm::EvmLog> one;
    one.push_back(std::move(log));
    co_return co_await deliver(std::move(one), true);
}

// Live logs wait in the channel meanwhile, so history comes before them.
async::Task<base::Result<void>> EvmSource::catch_up(chain_evm::LogFilter filter) {
    async::Backoff backoff(std::chrono::seconds(1), std::chrono::seconds(30), random_);
    while (true) {
        auto read = co_await read_gap(filter);
        if (read.has_value() || read.error().kind() == base::ErrorKind::Cancelled) {
            co_return read;
        }
        telemetry::log_failure(telemetry::Level::Warn, "triggers",
                               "the blocks since the last connection cannot be read yet",
                               read.error(), {{"chain", chain_.key().str()}});
        WAVS_CO_TRY(co_await timers_.sleep_for(backoff.next()));
    }
}

async::Task<base::Result<void>> EvmSource::read_gap(const chain_evm::LogFilter& filter) {
    auto client = chain_.client();
    WAVS_CO_TRY(const std::uint64_t head, co_await client.block_number());
    std::optional<std::uint64_t> missing;
    {
        const std::lock_guard lock(mutex_);
        head_ = std::max(head_, head);
        watch_new_pairs(head + 1);  // those that had no head at registration
        missing = coverage_.first_missing(head);
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
        {
            const std::lock_guard lock(mutex_);
            coverage_.add({piece.from, piece.to});
        }
        WAVS_CO_TRY(co_await deliver(std::move(piece.logs), true));
    }
    const std::lock_guard lock(mutex_);
    contiguous_ = true;
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::deliver(std::vector<chain_evm::EvmLog> logs,
                                                   bool positions) {
    types::TriggerBatch batch{.source = chain_.key().str()};
    for (auto& log : logs) {
        WAVS_CO_TRY(co_await apply_timestamp_rule(log));
        auto actions = match(log);
        std::move(actions.begin(), actions.end(), std::back_inserter(batch.actions));
        const bool announces =
            !log.topics.empty() && log.topics[0] == chain_evm::service_uri_updated_topic();
        std::optional<types::ServiceId> service;
        if (announces) {
            const std::lock_guard lock(mutex_);
            service = index_->managed_by(chain_.key(), log.address);
        }
        if (service) {
            WAVS_CO_TRY(co_await announce(*service, log));
        }
    }
    if (positions) {
        const std::lock_guard lock(mutex_);
        batch.positions.push_back(position());
    }
    co_return co_await outputs_.batches.send(std::move(batch));
}

std::vector<types::TriggerAction> EvmSource::match(const chain_evm::EvmLog& log) const {
    std::vector<types::TriggerAction> actions;
    if (log.topics.empty()) {
        return actions;
    }
    const std::lock_guard lock(mutex_);
    const TriggerIndex::Pair pair(log.address, log.topics[0]);
    const auto first = coverage_.first_block(pair);
    if (first && log.block_number && *log.block_number < *first) {
        return actions;  // before the trigger was registered
    }
    for (const auto& target : index_->match(chain_.key(), log.address, log.topics[0])) {
        auto data = chain_evm::to_trigger_data(log, chain_.key());
        if (!data.has_value()) {
            telemetry::log_failure(telemetry::Level::Warn, "triggers", "log ignored", data.error(),
                                   {{"chain", chain_.key().str()}});
            return actions;
        }
        actions.push_back(
            {{target.service, target.workflow, target.trigger}, std::move(data.value())});
    }
    return actions;
}

async::Task<base::Result<void>> EvmSource::announce(const types::ServiceId& service,
                                                    const chain_evm::EvmLog& log) {
    auto uri = chain_evm::decode_string(log.data);
    if (!uri.has_value()) {
        telemetry::log_failure(
            telemetry::Level::Error, "triggers",
            "an announced service URI cannot be read, the service stays as it is", uri.error(),
            {{"service", types::to_string(service)}});
        co_return base::ok();
    }
    types::ServiceUriChange change{service, std::move(uri.value()), log.block_number.value_or(0),
                                   log.log_index.value_or(0)};
    co_return co_await outputs_.uri_changes.send(std::move(change));
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
