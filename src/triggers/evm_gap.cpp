// SPDX-License-Identifier: Apache-2.0
// How a source reads what it missed, and finds what the chain replaced.
#include "wavs/telemetry/log.hpp"
#include "wavs/triggers/evm_source.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace wavs::triggers {
namespace {

// Logs of a block may arrive after the next head, so blocks this close to the head are read once
// more after a break. A log that comes twice is dropped by its key, or by its event id when the
// first delivery was before a restart.
constexpr std::uint64_t kOverlap = 16;
// Ancestors of the head whose hashes are asked for after a break: a reorganisation that is not
// deeper finds its place without the whole gap being read again.
constexpr std::size_t kAncestors = 16;

}  // namespace

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
    // One endpoint for all of it: another one may be behind, and would say of the blocks it does
    // not have that there are no logs.
    auto client = chain_.steady_client();
    live_check_.stop();
    WAVS_CO_TRY(const auto latest, co_await compare_with_chain(client));
    const std::uint64_t head = confirmed(latest.number);
    std::optional<std::uint64_t> missing;
    {
        const std::lock_guard lock(mutex_);
        head_ = std::max(head_, latest.number);
        watch_.start_pending(latest.number);
        blocks_.start_pending(latest.number);
        watch_.begin_reading();
        missing = watch_.first_missing(filter, head);
    }
    const auto overlap = chain_.config().confirmations > 0 ? 0 : kOverlap;
    std::uint64_t from = missing ? *missing - std::min(*missing, overlap) : head + 1;
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
    // The newest blocks are asked for once more when the chain is past them.
    live_check_.start(filter, latest.number - std::min(latest.number, kSettled));
    link_from_ = latest.number + 1;
    const std::lock_guard lock(mutex_);
    watch_.live(filter);
    co_return base::ok();
}

// The newest block, before any log is asked for: what is read then is of its chain, or the next
// comparison finds that this block was replaced.
async::Task<base::Result<chain_evm::BlockHeader>> EvmSource::compare_with_chain(
    chain_evm::RpcClient client) {
    WAVS_CO_TRY(const auto latest, co_await client.block(chain_evm::BlockRef::latest()));
    if (!latest) {
        co_return base::Error(base::ErrorKind::Unavailable, "no_latest_block",
                              fmt::format("{} has no newest block", client.endpoint()),
                              "nothing: it is asked again");
    }
    BlockHashes hashes;
    {
        const std::lock_guard lock(mutex_);
        hashes = hashes_;
    }
    WAVS_CO_TRY(auto fork, co_await find_fork(client, std::move(hashes), *latest));
    if (fork) {
        WAVS_CO_TRY(co_await retract(std::move(*fork), *latest));
    }
    WAVS_CO_TRY(co_await remember(*latest));
    co_return *latest;
}

// From one endpoint that has all of the blocks: of one that it does not have, an endpoint says that
// there are no logs. None when the chain replaced the last of them; then the gap is read.
async::Task<base::Result<std::optional<std::vector<chain_evm::EvmLog>>>> EvmSource::read_logs(
    chain_evm::LogFilter filter, BlockRange range) {
    auto client = chain_.steady_client();
    chain_evm::LogRangeReader reader(client);
    std::vector<chain_evm::EvmLog> logs;
    for (auto from = range.from; from <= range.to;) {
        WAVS_CO_TRY(auto piece, co_await reader.next(filter, from, range.to));
        std::move(piece.logs.begin(), piece.logs.end(), std::back_inserter(logs));
        from = piece.to + 1;
    }
    WAVS_CO_TRY(const auto last, co_await client.block(chain_evm::BlockRef::at(range.to)));
    if (!last) {
        co_return base::Error(
            base::ErrorKind::Unavailable, "endpoint_behind",
            fmt::format("{} does not have block {} yet", client.endpoint(), range.to),
            "nothing: it is asked again");
    }
    const std::lock_guard lock(mutex_);
    const auto known = hashes_.at(range.to);
    if (known && last->hash && *known != *last->hash) {
        watch_.make_stale();
        co_return std::nullopt;
    }
    co_return std::move(logs);
}

async::Task<base::Result<void>> EvmSource::retract(Fork fork, chain_evm::BlockHeader latest) {
    reorgs_.add();
    chain_.on_reorganisation();
    telemetry::log(
        fork.none_left ? telemetry::Level::Error : telemetry::Level::Warn, "triggers",
        fork.none_left ? "the chain replaced all blocks that are known of it; what it "
                         "replaced below them is not recognised"
                       : "the chain replaced blocks, their events are retracted",
        {{"chain", chain_.key().str()}, {"from", fork.from_block}, {"head", latest.number}});
    types::TriggerBatch batch;
    batch.source = chain_.key().str();
    batch.retraction = types::Retraction{chain_.key(), fork.from_block, {}};
    for (const auto& [number, hash] : fork.now) {
        batch.retraction->kept.insert(hash);
    }
    {
        const std::lock_guard lock(mutex_);
        ++reorg_count_;
        head_ = latest.number;
        stored_at_ = std::min(stored_at_, head_);
        watch_.reorganised(fork.from_block);
        hashes_.drop(fork.from_block);
        for (const auto& [number, hash] : fork.now) {
            hashes_.add(number, hash);
        }
        hashes_due_ = true;
        batch.positions.push_back(position_locked());
        append_hashes_locked(batch.positions);
    }
    co_return co_await batches_.send(std::move(batch));
}

async::Task<base::Result<void>> EvmSource::remember(chain_evm::BlockHeader latest) {
    BlockHashes hashes;
    {
        const std::lock_guard lock(mutex_);
        hashes_.confirm_noted(latest.number);
        hashes = hashes_;
    }
    BlockHashes::Blocks blocks;
    if (latest.hash && !hashes.at(latest.number)) {
        WAVS_CO_TRY(blocks, co_await read_ancestors(chain_.client(), std::move(hashes), latest,
                                                    kAncestors));
        blocks[latest.number] = *latest.hash;
    }
    const std::lock_guard lock(mutex_);
    for (const auto& [number, hash] : blocks) {
        hashes_.add(number, hash);
    }
    // The link may be ahead of the endpoint that was asked.
    if (unlinked_ && unlinked_->hash && hashes_.fit(*unlinked_) == BlockHashes::Fit::Follows) {
        hashes_.add(unlinked_->number, *unlinked_->hash);
    }
    unlinked_.reset();
    hashes_due_ = true;
    co_return base::ok();
}

}  // namespace wavs::triggers
