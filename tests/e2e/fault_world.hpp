// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fault_schedule.hpp"
#include "scenario.hpp"

#include "wavs/chain_evm/testing/fault_proxy.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace wavs::e2e {

/// A chain that mines by order, fault proxies before it, and a node that knows only the proxies:
/// what the steps of a schedule are done to.
class FaultWorld : public Scenario {
protected:
    /// Everything up to the first round, without faults.
    void begin();
    /// A node of its own for the round, and nothing that an earlier one left.
    void begin_round(const Schedule& schedule);
    void perform(const Step& step);
    /// Every fault ends, and the node runs.
    void heal();
    void mine(std::uint64_t blocks);

    using Payloads = std::map<types::EventId, std::string>;
    /// The events that the chain has in these blocks, by their ids there.
    Payloads events_in(std::uint64_t first, std::uint64_t last);
    std::uint64_t head();
    /// Of all rounds.
    chain_evm::testing::FaultCounts counts() const;

    /// Of the round.
    std::uint64_t first_block_ = 0;
    /// Events of blocks that the chain replaced, of all rounds.
    Payloads replaced_;

private:
    using Proxy = chain_evm::testing::FaultProxy;
    void emit(std::uint64_t amount);
    void emit_together(std::uint64_t amount);
    void begin_disturbance(const Step& step);
    void end_disturbance(const Step& step);
    void meet_anew(const Step& step);
    std::size_t met() const;
    /// Nobody sends until `heal()`, and what was sent is in a block.
    void isolate();
    void restart_chain();
    void reorg(const Step& step);
    void quieten();
    void revert(const Step& step);
    /// An event in a block and its result in the next one.
    void make_result();

    struct Kept {
        std::string raw;
        /// From the first of the replaced blocks.
        std::uint64_t at = 0;
    };
    /// The transactions that a chain which replaces these blocks takes again.
    std::vector<Kept> replace(std::uint64_t first, std::uint64_t last, Reinclude reinclude);
    std::string next_payload();

    types::Service service_;
    std::vector<std::unique_ptr<Proxy>> proxies_;
    chain_evm::testing::FaultCounts earlier_;
    Schedule schedule_;
    std::size_t emitted_ = 0;
    /// No block up to here is replaced any more.
    std::uint64_t floor_ = 0;
    std::string snapshot_;
    std::uint64_t snapshot_at_ = 0;
};

}  // namespace wavs::e2e
