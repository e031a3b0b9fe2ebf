// SPDX-License-Identifier: Apache-2.0
#include "balance_watch.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::size_t kRecent = 100;
constexpr unsigned kTransactionsAhead = 20;

Wei times(Wei value, unsigned by) { return value > ~Wei{0} / by ? ~Wei{0} : value * by; }

}  // namespace

BalanceWatch::BalanceWatch(types::ChainKey chain, const types::EvmAddress& account,
                           std::optional<Wei> threshold, telemetry::Metrics* metrics)
    : chain_(std::move(chain)), account_(account), configured_(threshold), metrics_(metrics) {}

void BalanceWatch::note_cost(Wei at_most) {
    const std::lock_guard lock(mutex_);
    costs_.push_back(at_most);
    if (costs_.size() > kRecent) {
        costs_.pop_front();
    }
}

void BalanceWatch::note_balance(Wei balance) {
    if (metrics_ != nullptr) {
        metrics_
            ->gauge("wavs_account_balance_wei", "What the sender of transactions has",
                    {{"chain", chain_.str()}, {"account", types::to_checksum_string(account_)}})
            .set(static_cast<double>(balance));
    }
    const std::lock_guard lock(mutex_);
    balance_ = balance;
    set_low_locked(balance == 0 || balance < threshold_locked());
}

void BalanceWatch::note_refused() {
    const std::lock_guard lock(mutex_);
    // What was read before is not so any more.
    balance_.reset();
    set_low_locked(true);
}

Wei BalanceWatch::threshold_locked() const {
    if (configured_) {
        return *configured_;
    }
    const auto dearest = std::max_element(costs_.begin(), costs_.end());
    return dearest == costs_.end() ? 0 : times(*dearest, kTransactionsAhead);
}

std::string BalanceWatch::remedy_locked() const {
    const auto threshold = threshold_locked();
    const auto missing = threshold > balance_.value_or(0) ? threshold - balance_.value_or(0) : 0;
    return fmt::format(
        "send {} to {} on chain {}",
        missing == 0 ? "its coin" : fmt::format("at least {} wei", to_decimal(missing)),
        types::to_checksum_string(account_), chain_.str());
}

void BalanceWatch::set_low_locked(bool low) {
    if (low == low_) {
        return;
    }
    low_ = low;
    const auto balance = balance_ ? to_decimal(*balance_) : std::string("unknown");
    const auto threshold = to_decimal(threshold_locked());
    if (low) {
        telemetry::log_warn("chain_evm", "the account of transactions is nearly empty",
                            {{"chain", chain_.str()},
                             {"account", types::to_checksum_string(account_)},
                             {"balance_wei", balance},
                             {"threshold_wei", threshold},
                             {"remedy", remedy_locked()}});
    } else {
        telemetry::log_info("chain_evm", "the account of transactions has enough again",
                            {{"chain", chain_.str()},
                             {"account", types::to_checksum_string(account_)},
                             {"balance_wei", balance},
                             {"threshold_wei", threshold}});
    }
}

std::string BalanceWatch::remedy() const {
    const std::lock_guard lock(mutex_);
    return remedy_locked();
}

std::optional<std::string> BalanceWatch::warning() const {
    const std::lock_guard lock(mutex_);
    if (!low_) {
        return std::nullopt;
    }
    return fmt::format("account {} has {} wei and should have {}: {}",
                       types::to_checksum_string(account_),
                       balance_ ? to_decimal(*balance_) : std::string("unknown"),
                       to_decimal(threshold_locked()), remedy_locked());
}

}  // namespace wavs::chain_evm
