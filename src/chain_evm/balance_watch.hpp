// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/numbers.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/ids.hpp"

#include <deque>
#include <mutex>
#include <optional>
#include <string>

namespace wavs::chain_evm {

/// Whether an account has enough for what it sends: says once when it has not, and once when it has
/// again (docs/decisions.md D-71). Decides only; who reads the balance tells it. Thread-safe.
class BalanceWatch {
public:
    /// `threshold`: the operator's own; else 20 times the dearest of the last 100 transactions.
    BalanceWatch(types::ChainKey chain, const types::EvmAddress& account,
                 std::optional<Wei> threshold, telemetry::Metrics* metrics);

    /// A transaction that may cost this is about to leave.
    void note_cost(Wei at_most);
    void note_balance(Wei balance);
    /// The chain's node refused a transaction for it, whatever was read before.
    void note_refused();

    /// Which account needs how much; for warnings and as the remedy of a refused transaction.
    std::string remedy() const;
    /// None while there is enough.
    std::optional<std::string> warning() const;

private:
    Wei threshold_locked() const;
    std::string remedy_locked() const;
    void set_low_locked(bool low);

    const types::ChainKey chain_;
    const types::EvmAddress account_;
    const std::optional<Wei> configured_;
    telemetry::Metrics* const metrics_;
    mutable std::mutex mutex_;
    std::deque<Wei> costs_;
    std::optional<Wei> balance_;
    bool low_ = false;
};

}  // namespace wavs::chain_evm
