// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/spending.hpp"

#include "wavs/telemetry/log.hpp"
#include "wavs/types/records.hpp"

#include <chrono>

namespace wavs::chain_evm {
namespace {

using storage::Keyspace;

constexpr std::uint64_t kDaySeconds = 86'400;

std::string midnight(std::uint32_t day) {
    const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
    return fmt::format("{:04}-{:02}-{:02}T00:00:00Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace

std::optional<Wei> SpendingLimits::of(const types::ServiceId& service) const {
    const auto found = single.find(service);
    return found == single.end() ? each : found->second;
}

Spending::Reservation::Reservation(std::shared_ptr<Spending> of, const types::ServiceId& service,
                                   Wei at_most)
    : spending_(std::move(of)), service_(service), at_most_(at_most) {}

Spending::Reservation::~Reservation() {
    const std::lock_guard lock(spending_->mutex_);
    spending_->account_locked(service_).reserved -= at_most_;
}

base::Result<void> Spending::Reservation::raise(Wei at_most) {
    const std::lock_guard lock(spending_->mutex_);
    WAVS_TRY(spending_->change_locked(service_, at_most_, at_most));
    at_most_ = at_most;
    return base::ok();
}

void Spending::Reservation::spend(Wei cost, const types::EvmAddress& account, std::uint64_t nonce,
                                  storage::Batch& changes) {
    Wei spent = 0;
    std::uint32_t day = 0;
    {
        const std::lock_guard lock(spending_->mutex_);
        auto& of = spending_->account_locked(service_);
        of.reserved -= at_most_;
        at_most_ = 0;
        of.spent += cost;
        spent = of.spent;
        day = of.day;
    }
    // One entry per transaction: totals would overwrite each other, and writing it again after a
    // restart changes nothing.
    changes.put(Keyspace::Spending,
                types::spending_key(spending_->chain_, day, service_, account, nonce),
                types::encode(types::SpendingRecord{cost}));
    spending_->show(service_, spent);
}

Spending::Spending(types::ChainKey chain, SpendingLimits limits, storage::Store& store,
                   const base::Clock& clock, telemetry::Metrics* metrics)
    : chain_(std::move(chain)),
      limits_(std::move(limits)),
      store_(store),
      clock_(clock),
      metrics_(metrics) {}

std::uint32_t Spending::today() const {
    return static_cast<std::uint32_t>(clock_.wall_now().seconds() / kDaySeconds);
}

Spending::Account& Spending::account_locked(const types::ServiceId& service) {
    auto& account = accounts_[service];
    if (const auto day = today(); account.day != day) {
        account.day = day;
        account.spent = 0;
        account.refused.clear();
    }
    return account;
}

base::Result<void> Spending::open() {
    const auto prefix = types::spending_prefix(chain_);
    WAVS_TRY(const auto entries, store_.scan(Keyspace::Spending, {.prefix = prefix}));
    storage::Batch old;
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries) {
        WAVS_TRY(const auto place, types::parse_spending_key(chain_, entry.key));
        // A day that is still to come was written before the clock was set back.
        if (place.day < today()) {
            old.erase(Keyspace::Spending, entry.key);
            continue;
        }
        WAVS_TRY(const auto record, types::decode_spending_record(entry.value));
        account_locked(place.service).spent += record.cost;
    }
    for (const auto& [service, account] : accounts_) {
        show(service, account.spent);
    }
    return old.empty() ? base::Result<void>(base::ok()) : store_.write_unsynced(old);
}

base::Result<void> Spending::change_locked(const types::ServiceId& service, Wei from, Wei to) {
    auto& account = account_locked(service);
    const auto budget = limits_.of(service);
    const auto others = account.spent + (account.reserved - from);
    if (budget && (others > *budget || to > *budget - others)) {
        return refuse_locked(service, account, to);
    }
    account.reserved = account.reserved - from + to;
    return base::ok();
}

base::Error Spending::refuse_locked(const types::ServiceId& service, Account& account,
                                    Wei at_most) {
    const auto id = types::to_string(service);
    const auto budget = to_decimal(*limits_.of(service));
    const auto remedy = fmt::format(
        "wait until {}, or raise daily_budget_wei of chain {} or service_budgets_wei.{} there",
        midnight(account.day + 1), chain_.str(), id);
    auto text = fmt::format(
        "daily budget of service {} on {} is {} wei: {} spent, {} reserved for transactions on "
        "their way, {} needed for this one; {}",
        id, chain_.str(), budget, to_decimal(account.spent), to_decimal(account.reserved),
        to_decimal(at_most), remedy);
    if (metrics_ != nullptr) {
        metrics_
            ->counter("wavs_over_budget_total",
                      "Transactions that a daily budget kept from leaving",
                      {{"chain", chain_.str()}, {"service", id}})
            .add();
    }
    if (account.refused.empty()) {
        telemetry::log_error("chain_evm",
                             "a service is over its budget, its results wait: " + text);
    }
    account.refused = text;
    return {base::ErrorKind::Denied, "tx_over_budget", std::move(text)};
}

base::Result<std::shared_ptr<Spending::Reservation>> Spending::reserve(
    const types::ServiceId& service, Wei at_most) {
    {
        const std::lock_guard lock(mutex_);
        WAVS_TRY(change_locked(service, 0, at_most));
    }
    return std::make_shared<Reservation>(shared_from_this(), service, at_most);
}

std::shared_ptr<Spending::Reservation> Spending::take_over(const types::ServiceId& service,
                                                           Wei at_most) {
    {
        const std::lock_guard lock(mutex_);
        account_locked(service).reserved += at_most;
    }
    return std::make_shared<Reservation>(shared_from_this(), service, at_most);
}

std::vector<std::string> Spending::warnings() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [service, account] : accounts_) {
        if (account.day == today() && !account.refused.empty()) {
            out.push_back(account.refused);
        }
    }
    return out;
}

Wei Spending::spent_today(const types::ServiceId& service) const {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(service);
    return found == accounts_.end() || found->second.day != today() ? 0 : found->second.spent;
}

void Spending::show(const types::ServiceId& service, Wei spent) const {
    if (metrics_ != nullptr) {
        metrics_
            ->gauge("wavs_spent_wei", "Spent on transactions on the last day with one, UTC",
                    {{"chain", chain_.str()}, {"service", types::to_string(service)}})
            .set(static_cast<double>(spent));
    }
}

}  // namespace wavs::chain_evm
