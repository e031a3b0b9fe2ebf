// SPDX-License-Identifier: Apache-2.0
// How a source delivers the block intervals of its chain.
#include "wavs/telemetry/log.hpp"
#include "wavs/triggers/evm_source.hpp"

#include <utility>

namespace wavs::triggers {
namespace {

// A long range goes in pieces of so many, each with the positions behind it.
constexpr std::size_t kEventsPerPiece = 256;
// Announcements that could not be read are asked for again after that, or at the next head.
constexpr auto kAskAgain = std::chrono::seconds(2);

}  // namespace

// One piece; what is left comes after the events of the chain that wait meanwhile.
async::Task<base::Result<void>> EvmSource::deliver_blocks() {
    WAVS_CO_TRY(co_await send_blocks());
    std::optional<EvmWatch::Unread> unread;
    {
        const std::lock_guard lock(mutex_);
        const auto height = confirmed(head_);
        if (!blocks_.has_work(height)) {
            co_return base::ok();
        }
        const bool again = ask_again_at_ && chain_.clock().steady_now() >= *ask_again_at_;
        if (std::exchange(asked_at_, head_) != head_ || again) {
            ask_again_at_.reset();
            unread = watch_.announcements_below(height, blocks_.due_services(height));
        }
    }
    if (unread) {
        WAVS_CO_TRY(co_await read_announcements(std::move(*unread)));
    }
    {
        const std::lock_guard lock(mutex_);
        take_blocks(confirmed(head_), [this](const types::RegisteredService& service) {
            return watch_.firm_height(service);
        });
    }
    const bool more = unsent_blocks_ && unsent_blocks_->events.size() == kEventsPerPiece;
    WAVS_CO_TRY(co_await send_blocks());
    if (more) {
        wake();
    }
    co_return base::ok();
}

// A height is the beginning of its block, so those up to the block of an announcement belong to the
// manifest before it, and go before anyone hears of the new one.
async::Task<base::Result<void>> EvmSource::deliver_blocks_before(types::ServiceUriChange change) {
    do {
        WAVS_CO_TRY(co_await send_blocks());
        const std::lock_guard lock(mutex_);
        take_blocks(change.at.block, [&](const types::RegisteredService& service) {
            return service.id == change.service_id ? watch_.firm_height(service) : 0;
        });
    } while (unsent_blocks_);
    co_return base::ok();
}

// The link may bring the logs of a block after its head, so they are asked for. Without an answer
// the heights wait.
async::Task<base::Result<void>> EvmSource::read_announcements(EvmWatch::Unread unread) {
    auto logs = co_await read_logs(unread.filter, unread.range);
    if (!logs.has_value()) {
        if (logs.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(logs).error();
        }
        telemetry::log_failure(telemetry::Level::Warn, "triggers",
                               "block intervals wait: the announcements of manifests before them "
                               "cannot be read yet",
                               logs.error(), {{"chain", chain_.key().str()}});
        ask_again_at_ = chain_.clock().steady_now() + kAskAgain;
        co_return base::ok();
    }
    if (logs.value()) {
        WAVS_CO_TRY(co_await deliver(std::move(*logs.value())));
        const std::lock_guard lock(mutex_);
        watch_.read(unread.filter, unread.range);
    }
    co_return base::ok();
}

// The next piece of what is due, with the lock held.
void EvmSource::take_blocks(std::uint64_t height, const BlockWatch::Limit& limit) {
    const auto dropped = blocks_.drop_old(height, limit);
    if (dropped.heights > 0) {
        dropped_blocks_.add(static_cast<double>(dropped.heights));
        telemetry::log_warn(
            "triggers", "too many heights of block intervals were missed: the older are dropped",
            {{"chain", chain_.key().str()},
             {"heights", dropped.heights},
             {"workflows", dropped.workflows},
             {"one_of_them",
              fmt::format("{}/{}", types::to_string(dropped.service), dropped.workflow.str())},
             {"remedy", "raise block_interval_max_catchup to have more of them made up for"}});
    }
    auto due = blocks_.take(height, limit, kEventsPerPiece);
    if (!due.empty()) {
        unsent_blocks_.emplace();
        unsent_blocks_->source = chain_.key().str();
        unsent_blocks_->events = std::move(due.events);
        unsent_blocks_->positions = std::move(due.positions);
    }
}

async::Task<base::Result<void>> EvmSource::send_blocks() {
    if (!unsent_blocks_) {
        co_return base::ok();
    }
    auto batch = *unsent_blocks_;
    WAVS_CO_TRY(co_await batches_.send(std::move(batch)));
    unsent_blocks_.reset();
    co_return base::ok();
}

// On a chain without logs to be read nothing else tells what was missed while the link was down.
async::Task<void> EvmSource::on_connected() {
    {
        const std::lock_guard lock(mutex_);
        if (!watch_.wanted().pairs.empty() || blocks_.workflows() == 0) {
            co_return;
        }
    }
    auto client = chain_.client();
    const auto head = co_await client.block_number();
    if (!head.has_value()) {
        telemetry::log_failure(telemetry::Level::Debug, "triggers",
                               "the head is not known before the next block", head.error(),
                               {{"chain", chain_.key().str()}});
        co_return;
    }
    const std::lock_guard lock(mutex_);
    head_ = std::max(head_, head.value());
    blocks_.start_pending(head.value());
}

}  // namespace wavs::triggers
