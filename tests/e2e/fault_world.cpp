// SPDX-License-Identifier: Apache-2.0
#include "fault_world.hpp"

#include "wavs/types/event_id.hpp"

#include <algorithm>

namespace wavs::e2e {

using chain_evm::testing::FaultCounts;
using chain_evm::testing::Faults;
using chain_evm::testing::Notifications;

namespace {

constexpr std::chrono::milliseconds kDelayStep{15};
constexpr std::uint64_t kAnotherChain = 1;

}  // namespace

void FaultWorld::begin() {
    start({.anvil_args = {"--state", (folder_ / "anvil.json").string()}});
    service_ = service({{"default", workflow("echo", contracts_)}});
    opt_in(service_);
    must(devnet_->anvil().mine_manually());
}

void FaultWorld::begin_round(const Schedule& schedule) {
    schedule_ = schedule;
    emitted_ = 0;
    if (devnet_->node().running()) {
        must(devnet_->kill_node());
    }
    earlier_ = counts();
    proxies_.clear();
    std::string endpoints;
    for (std::size_t i = 0; i < schedule.endpoints; ++i) {
        proxies_.push_back(std::make_unique<Proxy>(
            Proxy::Options{.target_port = devnet_->anvil().port(), .seed = schedule.seed + i}));
        endpoints += (i == 0 ? "" : ",") + proxies_[i]->ws_url();
    }
    devnet_->set_node_env({{"WAVS_CHAINS__EVM__31337__WS_ENDPOINTS", endpoints},
                           {"WAVS_CHAINS__EVM__31337__HTTP_ENDPOINT", proxies_[0]->http_url()}});
    mine(1);
    floor_ = head();
    first_block_ = floor_ + 1;
    heal();
    must(devnet_->wait_subscribed(contracts_.trigger));
}

void FaultWorld::heal() {
    for (auto& proxy : proxies_) {
        proxy->clear();
    }
    if (!devnet_->node().running()) {
        must(devnet_->restart_node());
    }
}

void FaultWorld::mine(std::uint64_t blocks) { must(devnet_->anvil().mine(blocks)); }

std::uint64_t FaultWorld::head() {
    auto rpc = devnet_->anvil().rpc();
    return must(rpc.block_number());
}

FaultCounts FaultWorld::counts() const {
    FaultCounts sum = earlier_;
    for (const auto& proxy : proxies_) {
        const auto one = proxy->counts();
        sum.refused += one.refused;
        sum.dropped += one.dropped;
        sum.silenced += one.silenced;
        sum.delayed += one.delayed;
        sum.swallowed += one.swallowed;
        sum.duplicated += one.duplicated;
        sum.reordered += one.reordered;
        sum.truncated += one.truncated;
        sum.rate_limited += one.rate_limited;
        sum.wrong_chain += one.wrong_chain;
        sum.range_refused += one.range_refused;
        sum.lagged += one.lagged;
    }
    return sum;
}

FaultWorld::Payloads FaultWorld::events_in(std::uint64_t first, std::uint64_t last) {
    Payloads out;
    if (first > last) {
        return out;
    }
    auto rpc = devnet_->anvil().rpc();
    types::TriggerAction action;
    action.config = {service_.id(), id("default"), service_.workflows.at(id("default")).trigger};
    for (const auto& log :
         must(rpc.logs({{contracts_.trigger}, {cli::new_trigger_topic()}}, first, last))) {
        action.data = chain_evm::to_trigger_data(log, cli::Devnet::chain()).value();
        const auto read = cli::read_new_trigger(log).value();
        out.emplace(types::default_event_id(action),
                    fmt::format("{} (trigger {}, block {}, log {})", base::as_text(read.data),
                                read.trigger_id, *log.block_number, *log.log_index));
    }
    return out;
}

std::string FaultWorld::next_payload() { return fmt::format("{}/{}", schedule_.seed, emitted_++); }

void FaultWorld::emit(std::uint64_t amount) {
    for (std::uint64_t i = 0; i < amount; ++i) {
        must(devnet_->send_trigger(contracts_.trigger, base::to_bytes(next_payload())));
    }
}

void FaultWorld::emit_together(std::uint64_t amount) {
    using chain_evm::AbiValue;
    const auto payload = next_payload();
    auto call =
        chain_evm::encode_call(cli::selector_for("addTriggerCount(bytes,uint256)"),
                               {AbiValue::bytes(base::as_bytes(payload)), AbiValue::uint(amount)});
    must(devnet_->anvil().send(devnet_->owner(), contracts_.trigger, std::move(call)));
}

void FaultWorld::perform(const Step& step) {
    switch (step.kind) {
        case Step::Kind::Emit:
            return emit(step.amount);
        case Step::Kind::EmitTogether:
            return emit_together(step.amount);
        case Step::Kind::Mine:
            return mine(step.amount);
        case Step::Kind::Hold:
            return must(timers_.sleep_for(step.pause));
        case Step::Kind::Begin:
            return begin_disturbance(step);
        case Step::Kind::End:
            return end_disturbance(step);
    }
}

// What strikes a node only when it connects: it has lost its connection and a few blocks.
void FaultWorld::meet_anew(const Step& step) {
    const auto before = met();
    if (step.what == Disturbance::WrongChain) {
        for (auto& proxy : proxies_) {
            proxy->set({.refuse = true});
        }
        proxies_.at(step.endpoint)->set({.chain_id = kAnotherChain});
    } else if (step.what == Disturbance::RangeLimit) {
        // What is asked over HTTP goes to the first one.
        proxies_[0]->set({.max_log_blocks = step.amount});
    } else {
        proxies_[0]->set({.lag = step.amount});
    }
    for (auto& proxy : proxies_) {
        proxy->drop_connections();
    }
    emit(1);
    mine(step.amount);
    if (devnet_->node().running()) {
        wait_until(fmt::format("the node meets: {}", name_of(step.what)),
                   [&] { return met() > before; });
    }
}

std::size_t FaultWorld::met() const {
    const auto now = counts();
    return now.wrong_chain + now.range_refused + now.lagged;
}

void FaultWorld::begin_disturbance(const Step& step) {
    auto& proxy = *proxies_.at(step.endpoint);
    switch (step.what) {
        case Disturbance::Refuse:
            proxy.set({.refuse = true});
            return proxy.drop_connections();
        case Disturbance::Drop:
            return proxy.drop_connections();
        case Disturbance::Silent:
        case Disturbance::SilentThenDrop:
            return proxy.set({.silent = true});
        case Disturbance::Delay:
            return proxy.set({.delay = kDelayStep * static_cast<int>(step.amount)});
        case Disturbance::SwallowHeads:
            return proxy.swallow(Notifications::NewHeads);
        case Disturbance::SwallowLogs:
            return proxy.swallow(Notifications::Logs);
        case Disturbance::Duplicate:
            return proxy.set({.duplicate = true});
        case Disturbance::Reorder:
            return proxy.set({.hold_back = step.amount});
        case Disturbance::Truncate:
            return proxy.truncate_next();
        case Disturbance::RateLimit:
            return proxy.rate_limit(2 * step.amount);
        case Disturbance::WrongChain:
        case Disturbance::RangeLimit:
        case Disturbance::Lag:
            return meet_anew(step);
        case Disturbance::KillNode:
            return must(devnet_->kill_node());
        case Disturbance::RestartChain:
            return restart_chain();
        case Disturbance::Reorg:
            return reorg(step);
        case Disturbance::Revert: {
            auto rpc = devnet_->anvil().rpc();
            snapshot_ = must(rpc.raw("evm_snapshot", "[]"));
            snapshot_at_ = head();
            return;
        }
    }
}

void FaultWorld::end_disturbance(const Step& step) {
    if (step.what == Disturbance::SilentThenDrop) {
        proxies_.at(step.endpoint)->drop_connections();
    }
    if (step.what == Disturbance::Revert) {
        revert(step);
    }
    heal();
}

void FaultWorld::isolate() {
    for (auto& proxy : proxies_) {
        proxy->set({.refuse = true});
        proxy->drop_connections();
    }
    mine(1);
}

// What waits in its pool is lost with the process, so nothing may wait there.
void FaultWorld::restart_chain() {
    isolate();
    must(devnet_->restart_chain());
    must(devnet_->anvil().mine_manually());
    // It has no older states to go back to.
    floor_ = head();
}

std::vector<FaultWorld::Kept> FaultWorld::replace(std::uint64_t first, std::uint64_t last,
                                                  Reinclude reinclude) {
    replaced_.merge(events_in(first, last));
    auto rpc = devnet_->anvil().rpc();
    std::vector<Kept> events;
    std::vector<Kept> results;
    for (auto number = first; number <= last; ++number) {
        const auto block =
            must(rpc.block_with_transactions(chain_evm::BlockRef::at(number))).value();
        for (const auto& transaction : block.transactions) {
            auto raw = must(rpc.raw("eth_getRawTransactionByHash",
                                    fmt::format(R"(["{}"])", types::to_string(transaction.hash))));
            // A signature counts above its reference block only, so results come last.
            if (transaction.to == contracts_.trigger) {
                events.push_back({std::move(raw), number - first});
            } else {
                results.push_back({std::move(raw), last - first});
            }
        }
    }
    const auto kept = reinclude == Reinclude::All         ? events.size()
                      : reinclude == Reinclude::FirstHalf ? events.size() / 2
                                                          : 0;
    events.resize(kept);
    std::move(results.begin(), results.end(), std::back_inserter(events));
    return events;
}

void FaultWorld::make_result() {
    mine(1);
    emit(1);
    mine(1);
    auto rpc = devnet_->anvil().rpc();
    wait_until("a result is sent", [&] {
        const auto pool = must(rpc.raw("txpool_status", "[]"));
        return pool.find(R"("pending":"0x0")") == std::string::npos;
    });
    mine(1);
}

void FaultWorld::reorg(const Step& step) {
    std::uint64_t least = 1;
    if (step.moment == Moment::AfterResults) {
        make_result();
        least = 2;
    } else {
        mine(1);
    }
    const auto last = head();
    const auto blocks = std::min(std::max(step.amount, least), last - floor_);
    std::string moved;
    for (const auto& one : replace(last - blocks + 1, last, step.reinclude)) {
        moved += fmt::format("{}[{},{}]", moved.empty() ? "" : ",", one.raw, one.at);
    }
    auto rpc = devnet_->anvil().rpc();
    quieten();
    must(rpc.raw("anvil_reorg", fmt::format("[{},[{}]]", blocks, moved)));
    for (auto& proxy : proxies_) {
        proxy->clear();
    }
}

// While anvil replaces blocks it must not be asked anything: it may stop answering for good, and a
// transaction that comes then stays queued for ever, with every later one of its account.
void FaultWorld::quieten() {
    for (auto& proxy : proxies_) {
        proxy->set({.silent = true});
    }
    wait_until("the chain has answered everything", [&] {
        return std::all_of(proxies_.begin(), proxies_.end(),
                           [](const auto& proxy) { return proxy->in_flight() == 0; });
    });
}

// Between two blocks of the new branch the node must not see a chain without what it posted: the
// pool of a real chain has it all the time.
void FaultWorld::revert(const Step& step) {
    if (step.moment == Moment::AfterResults) {
        make_result();
    }
    isolate();
    const auto last = head();
    const auto again = replace(snapshot_at_ + 1, last, step.reinclude);
    auto rpc = devnet_->anvil().rpc();
    must(rpc.raw("evm_revert", fmt::format("[{}]", snapshot_)));
    mine(last - snapshot_at_);
    for (const auto& one : again) {
        must(rpc.raw("eth_sendRawTransaction", fmt::format("[{}]", one.raw)));
    }
    mine(1);
}

}  // namespace wavs::e2e
