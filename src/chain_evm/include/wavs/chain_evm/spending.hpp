// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/base/result.hpp"
#include "wavs/chain_evm/numbers.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/ids.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace wavs::chain_evm {

/// What a service may spend in a day; none is no bound.
struct SpendingLimits {
    std::optional<Wei> each;
    /// Instead of `each`.
    std::map<types::ServiceId, Wei> single;

    std::optional<Wei> of(const types::ServiceId& service) const;
};

/// What services spend on one chain, by days of UTC (docs/decisions.md D-70): the cost of what is
/// in a block counts on the day its receipt was seen, and what is on its way counts with the most
/// it may cost, so that those that leave together do not exceed a budget either. Decides, and says
/// what is to be stored (docs/protocol/02-records.md 3); waits for nothing. Thread-safe; always
/// behind a shared pointer, for reservations keep it.
class Spending : public std::enable_shared_from_this<Spending> {
public:
    /// The share of a transaction on its way; given back when it ends in no block. Changed by who
    /// follows the transaction.
    class Reservation {
    public:
        Reservation(std::shared_ptr<Spending> of, const types::ServiceId& service, Wei at_most);
        ~Reservation();
        Reservation(const Reservation&) = delete;
        Reservation& operator=(const Reservation&) = delete;

        const types::ServiceId& service() const { return service_; }
        /// For a replacement; `tx_over_budget` leaves it as it was.
        base::Result<void> raise(Wei at_most);
        /// It is in a block: from now on this is what it cost. `changes` go to disk together with
        /// the end of its record.
        void spend(Wei cost, const types::EvmAddress& account, std::uint64_t nonce,
                   storage::Batch& changes);

    private:
        const std::shared_ptr<Spending> spending_;
        const types::ServiceId service_;
        Wei at_most_;
    };

    Spending(types::ChainKey chain, SpendingLimits limits, storage::Store& store,
             const base::Clock& clock, telemetry::Metrics* metrics);

    /// Once, before anything else: reads what was spent today, and forgets earlier days.
    base::Result<void> open();
    /// `tx_over_budget` (Denied) when the budget does not hold it; logged as an error once per
    /// service and day.
    base::Result<std::shared_ptr<Reservation>> reserve(const types::ServiceId& service,
                                                       Wei at_most);
    /// Of a transaction that has left already.
    std::shared_ptr<Reservation> take_over(const types::ServiceId& service, Wei at_most);
    /// The services that are over their budget today.
    std::vector<std::string> warnings() const;
    Wei spent_today(const types::ServiceId& service) const;

private:
    struct Account {
        std::uint32_t day = 0;
        Wei spent = 0;
        Wei reserved = 0;
        /// Of the refusal of `day`; empty when there was none.
        std::string refused = {};
    };
    std::uint32_t today() const;
    Account& account_locked(const types::ServiceId& service);
    base::Result<void> change_locked(const types::ServiceId& service, Wei from, Wei to);
    base::Error refuse_locked(const types::ServiceId& service, Account& account, Wei at_most);
    void show(const types::ServiceId& service, Wei spent) const;

    const types::ChainKey chain_;
    const SpendingLimits limits_;
    storage::Store& store_;
    const base::Clock& clock_;
    telemetry::Metrics* const metrics_;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, Account> accounts_;
};

}  // namespace wavs::chain_evm
