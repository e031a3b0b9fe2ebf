// SPDX-License-Identifier: Apache-2.0
// How a source makes sure that the link brought everything.
#include "wavs/telemetry/log.hpp"
#include "wavs/triggers/evm_source.hpp"

#include <algorithm>
#include <utility>

namespace wavs::triggers {

async::Task<base::Result<void>> EvmSource::check_live() {
    if (!subscribed_ || chain_.config().confirmations > 0) {
        co_return base::ok();
    }
    std::uint64_t settled = 0;
    {
        const std::lock_guard lock(mutex_);
        if (watch_.stale()) {
            co_return base::ok();
        }
        settled = settled_locked();
    }
    if (const auto range = live_check_.due(settled, chain_.clock().steady_now())) {
        auto asked = co_await ask_again(*range, settled);
        if (!asked.has_value() && asked.error().kind() == base::ErrorKind::Cancelled) {
            co_return asked;
        }
        if (!asked.has_value()) {
            live_check_.tried(chain_.clock().steady_now());
            telemetry::log_failure(telemetry::Level::Debug, "triggers",
                                   "the newest blocks cannot be checked yet", asked.error(),
                                   {{"chain", chain_.key().str()}});
        }
    }
    const std::lock_guard lock(mutex_);
    watch_.on_head(std::min(settled, live_check_.checked_to()));
    gap_gauge_.set(static_cast<double>(watch_.coverage().gap_blocks(settled)));
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::ask_again(BlockRange range, std::uint64_t settled) {
    WAVS_CO_TRY(auto logs, co_await read_logs(*subscribed_, range));
    if (!logs) {
        co_return base::ok();
    }
    std::erase_if(*logs, [this](const auto& log) {
        const auto key = chain_evm::key_of(log);
        return !key || delivered_.contains(*key);
    });
    if (!logs->empty()) {
        WAVS_CO_TRY(co_await make_up(std::move(*logs), settled));
        const std::lock_guard lock(mutex_);
        if (watch_.stale()) {
            co_return base::ok();
        }
    }
    live_check_.asked(range, settled, chain_.clock().steady_now());
    co_return base::ok();
}

async::Task<base::Result<void>> EvmSource::make_up(std::vector<chain_evm::EvmLog> logs,
                                                   std::uint64_t settled) {
    std::size_t missed = 0;
    for (const auto& log : logs) {
        if (!take_block_of(log)) {
            co_return base::ok();  // another branch: the gap is read instead
        }
        const auto block = log.block_number.value_or(0);
        live_check_.on_log(block);
        // What came over the link and was not looked at yet is not missing.
        const bool due = link_from_ <= block && block <= settled;
        missed += due && !chain_.window()->contains(*chain_evm::key_of(log)) ? 1 : 0;
    }
    if (missed > 0) {
        missed_logs_.add(static_cast<double>(missed));
        telemetry::log_warn("triggers",
                            "the link did not bring logs that are on chain, its subscriptions are "
                            "made anew",
                            {{"chain", chain_.key().str()},
                             {"logs", missed},
                             {"block", logs.front().block_number.value_or(0)}});
        chain_.subscriber().renew_logs();
    }
    co_return co_await deliver(std::move(logs));
}

}  // namespace wavs::triggers
