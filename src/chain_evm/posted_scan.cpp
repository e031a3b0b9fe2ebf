// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/posted_scan.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

// A chain that replaces blocks more often during one scan is left to settle.
constexpr int kMostReplacements = 3;
// Handing over a result takes part of a block: what is left of this one may be too little.
constexpr std::uint64_t kRoomOfABlock = 10;

bool is_full(const BlockHeader& header) {
    return header.gas_limit && header.gas_used &&
           *header.gas_used > *header.gas_limit - *header.gas_limit / kRoomOfABlock;
}

}  // namespace

/// Somebody in `find`: how far back is wanted, and whose scan counts for it.
class PostedScan::Caller {
public:
    Caller(PostedScan& scan, std::uint64_t from_block) : scan_(scan) {
        const std::lock_guard lock(scan_.mutex_);
        wanted_ = scan_.wanted_.insert(from_block);
        ticket_ = ++scan_.tickets_;
    }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    ~Caller() {
        const std::lock_guard lock(scan_.mutex_);
        scan_.wanted_.erase(wanted_);
    }
    std::uint64_t ticket() const { return ticket_; }

private:
    PostedScan& scan_;
    std::multiset<std::uint64_t>::iterator wanted_;
    std::uint64_t ticket_ = 0;
};

PostedScan::PostedScan(std::string name, RpcClient client, ServiceManagerClient heads,
                       async::Executor executor, Limits limits)
    : name_(std::move(name)),
      client_(std::move(client)),
      heads_(std::move(heads)),
      limits_(limits),
      turn_(std::move(executor)),
      blocks_at_once_(limits.blocks_at_once) {}

async::Task<base::Result<std::optional<PostedResult>>> PostedScan::find(types::EvmAddress handler,
                                                                        types::EventId event,
                                                                        std::uint64_t from_block) {
    const Caller caller(*this, from_block);
    std::optional<std::uint64_t> covered;
    for (int i = 0; i <= kMostReplacements; ++i) {
        WAVS_CO_TRY(auto known, co_await confirmed(handler, event, from_block));
        // None, by what is still what the scan had read.
        if (known || (covered && *covered == generation())) {
            co_return known;
        }
        WAVS_CO_TRY(covered, co_await catch_up(caller.ticket()));
    }
    co_return unsettled();
}

async::Task<base::Result<BlockCount>> PostedScan::blocks_after(std::uint64_t block) {
    const Caller caller(*this, block + 1);
    for (int i = 0; i <= kMostReplacements; ++i) {
        WAVS_CO_TRY(const auto covered, co_await catch_up(caller.ticket()));
        const std::lock_guard lock(mutex_);
        if (covered == generation_) {
            BlockCount out;
            for (auto at = blocks_.upper_bound(block); at != blocks_.end(); ++at) {
                ++(at->second.full ? out.full : out.with_room);
            }
            co_return out;
        }
    }
    co_return unsettled();
}

std::uint64_t PostedScan::generation() {
    const std::lock_guard lock(mutex_);
    return generation_;
}

// One scan at a time, for all who came before it knew the head.
async::Task<base::Result<std::uint64_t>> PostedScan::catch_up(std::uint64_t ticket) {
    WAVS_CO_TRY(const auto turn, co_await turn_.lock());
    {
        const std::lock_guard lock(mutex_);
        if (served_ >= ticket) {
            co_return failure_ ? base::Result<std::uint64_t>(*failure_) : generation_;
        }
        serving_ = tickets_;
    }
    auto done = co_await scan();
    // One that was stopped says nothing to the others: the next of them scans.
    const bool stopped = !done.has_value() && done.error().kind() == base::ErrorKind::Cancelled;
    const std::lock_guard lock(mutex_);
    const bool current = !done.has_value() || done.value() == generation_;
    if (!stopped && current) {
        served_ = serving_;
        failure_ = done.has_value() ? std::nullopt : std::optional(done.error());
    }
    co_return done;
}

async::Task<base::Result<std::uint64_t>> PostedScan::scan() {
    WAVS_CO_TRY(const auto head, co_await heads_.head());
    WAVS_CO_TRY(begin(head));
    for (int replaced = 0; replaced <= kMostReplacements;) {
        const auto piece = next_piece(head);
        if (piece.numbers.empty()) {
            co_return piece.generation;
        }
        const auto blocks = co_await client_.blocks_with_transactions(piece.numbers);
        WAVS_CO_TRY(take(piece, blocks));
        replaced += generation() == piece.generation ? 0 : 1;
    }
    co_return unsettled();
}

base::Error PostedScan::unsettled() const {
    return incomplete("the chain replaced blocks several times while it was read");
}

base::Error PostedScan::incomplete(std::string what) const {
    return {base::ErrorKind::Unavailable, "posted_scan_incomplete",
            fmt::format("{}: results posted by others: {}", name_, what),
            "it is tried again; if it stays, check the endpoints of this chain in the "
            "configuration"};
}

// What is above the head is read again when it is there again: it may be another block then.
base::Result<void> PostedScan::begin(std::uint64_t head) {
    const std::lock_guard lock(mutex_);
    serving_ = tickets_;
    if (!blocks_.empty() && blocks_.rbegin()->first > head) {
        const auto newest = blocks_.rbegin()->first;
        drop_from_locked(head + 1);
        return incomplete(fmt::format("the newest block is {}, and was {} before", head, newest));
    }
    while (!blocks_.empty() && head - blocks_.begin()->first > limits_.kept_blocks) {
        drop_locked(blocks_.begin());
    }
    return base::ok();
}

// Without numbers when nothing is missing.
PostedScan::Piece PostedScan::next_piece(std::uint64_t head) {
    const std::lock_guard lock(mutex_);
    auto from = std::max(*wanted_.begin(), floor_);
    if (const auto lowest = look_back_from(head); from < lowest) {
        if (!told_of_cut_) {
            told_of_cut_ = true;
            telemetry::log_info("chain_evm",
                                "results posted by others are looked for in the newest blocks only",
                                {{"chain", name_}, {"wanted_from", from}, {"from", lowest}});
        }
        from = lowest;
    }
    Piece out;
    // Nobody asked for a while: the blocks between are nobody's any more.
    if (from <= head && !blocks_.empty() && blocks_.rbegin()->first + 1 < from) {
        drop_from_locked(0);
    }
    out.generation = generation_;
    if (from > head) {
        return out;
    }
    const bool up = blocks_.empty() || blocks_.rbegin()->first < head;
    if (up) {
        const auto first = blocks_.empty() ? from : blocks_.rbegin()->first + 1;
        for (auto n = first; n <= head && out.numbers.size() < blocks_at_once_; ++n) {
            out.numbers.push_back(n);
        }
    } else {
        const auto first = blocks_.begin()->first;
        for (auto n = first; n > from && out.numbers.size() < blocks_at_once_; --n) {
            out.numbers.push_back(n - 1);
        }
    }
    return out;
}

// Up to the first block that could not be read; the next scan goes on with that one.
base::Result<void> PostedScan::take(const Piece& piece,
                                    const std::vector<base::Result<std::optional<Block>>>& blocks) {
    const std::lock_guard lock(mutex_);
    base::Result<void> taken = base::ok();
    for (std::size_t i = 0;
         i < piece.numbers.size() && taken.has_value() && generation_ == piece.generation; ++i) {
        taken = take_block_locked(piece.numbers[i], blocks[i]);
    }
    keep_bounds_locked();
    if (taken.has_value()) {
        blocks_at_once_ = std::min(blocks_at_once_ * 2, limits_.blocks_at_once);
        return taken;
    }
    // Fewer at once is what may help: most limits of providers count bytes or calls.
    const bool may_help = blocks_at_once_ > 1 && is_range_error(taken.error());
    blocks_at_once_ = 1;
    return may_help ? base::ok() : std::move(taken);
}

base::Result<void> PostedScan::take_block_locked(std::uint64_t number,
                                                 const base::Result<std::optional<Block>>& block) {
    if (!block.has_value()) {
        return block.error();
    }
    if (!block.value()) {
        return incomplete(fmt::format("the endpoint does not have block {}", number));
    }
    const auto& header = block.value()->header;
    if (header.number != number) {
        return incomplete(
            fmt::format("the endpoint gave block {} for block {}", header.number, number));
    }
    if (follows_locked(number, header)) {
        add_locked(*block.value());
    } else {
        forget_locked();
    }
    return base::ok();
}

bool PostedScan::follows_locked(std::uint64_t number, const BlockHeader& header) const {
    const auto fit = [](const auto& hash, const auto& parent) {
        return !hash || !parent || *hash == *parent;
    };
    const auto below = number == 0 ? blocks_.end() : blocks_.find(number - 1);
    const auto above = blocks_.find(number + 1);
    return (below == blocks_.end() || fit(below->second.hash, header.parent_hash)) &&
           (above == blocks_.end() || fit(header.hash, above->second.parent));
}

void PostedScan::add_locked(const Block& block) {
    ScannedBlock out;
    out.hash = block.header.hash;
    out.parent = block.header.parent_hash;
    out.full = is_full(block.header);
    for (const auto& transaction : block.transactions) {
        if (!transaction.to || selector_of(transaction.input) != fn::kHandleSignedEnvelope) {
            continue;
        }
        // Anybody may send anything: what no contract would take is none of ours.
        const auto call = decode_handle_signed_envelope(transaction.input);
        if (call.has_value()) {
            const Key key(*transaction.to, call.value().envelope.event_id, block.header.number,
                          transaction.hash);
            const auto digest = types::envelope_digest(call.value().envelope);
            if (transactions_.emplace(key, Handled{digest}).second) {
                out.transactions.push_back(key);
            }
        }
    }
    blocks_.emplace(block.header.number, std::move(out));
}

void PostedScan::keep_bounds_locked() {
    while (transactions_.size() > limits_.most_transactions && blocks_.size() > 1) {
        floor_ = blocks_.begin()->first + 1;
        drop_locked(blocks_.begin());
        if (!told_of_floor_) {
            told_of_floor_ = true;
            telemetry::log_warn(
                "chain_evm",
                "there are so many transactions to handlers that results posted by "
                "others are looked for in fewer blocks",
                {{"chain", name_}, {"transactions", limits_.most_transactions}, {"from", floor_}});
        }
    }
}

void PostedScan::drop_locked(std::map<std::uint64_t, ScannedBlock>::iterator block) {
    for (const auto& key : block->second.transactions) {
        transactions_.erase(key);
    }
    blocks_.erase(block);
}

// What a scan or another caller knows of these blocks is void, too: there must be no gap.
void PostedScan::drop_from_locked(std::uint64_t number) {
    for (auto at = blocks_.lower_bound(number); at != blocks_.end();) {
        drop_locked(at++);
    }
    served_ = 0;
    ++generation_;
}

void PostedScan::forget_locked() {
    drop_from_locked(0);
    floor_ = 0;
}

void PostedScan::forget() {
    const std::lock_guard lock(mutex_);
    forget_locked();
}

// The first one from `after` on of the same event that is not known to have failed.
std::optional<PostedScan::Hit> PostedScan::next_hit_locked(const Key& after) const {
    const auto event_of = [](const Key& key) {
        return std::tie(std::get<0>(key), std::get<1>(key));
    };
    for (auto at = transactions_.lower_bound(after);
         at != transactions_.end() && event_of(at->first) == event_of(after); ++at) {
        if (!at->second.failed) {
            return *at;
        }
    }
    return std::nullopt;
}

// Asks the chain each time, so that what is told is in a block now.
async::Task<base::Result<std::optional<PostedResult>>> PostedScan::confirmed(
    types::EvmAddress handler, types::EventId event, std::uint64_t from_block) {
    Key after(handler, event, from_block, types::Bytes32());
    while (true) {
        std::optional<Hit> hit;
        {
            const std::lock_guard lock(mutex_);
            hit = next_hit_locked(after);
        }
        if (!hit) {
            co_return std::optional<PostedResult>();
        }
        const auto& [key, handled] = *hit;
        const auto& hash = std::get<3>(key);
        WAVS_CO_TRY(const auto receipt, co_await client_.receipt(hash));
        if (receipt && receipt->success) {
            co_return std::optional(
                PostedResult{hash, receipt->block_number, handled.envelope_digest});
        }
        const std::lock_guard lock(mutex_);
        if (!receipt) {
            // Its block was replaced, or the endpoint lags behind the one that gave the block.
            drop_from_locked(std::get<2>(key));
            co_return incomplete(fmt::format("the endpoint does not have the receipt of {}",
                                             types::to_string(hash)));
        }
        if (const auto known = transactions_.find(key); known != transactions_.end()) {
            known->second.failed = true;
        }
        after = key;
    }
}

}  // namespace wavs::chain_evm
