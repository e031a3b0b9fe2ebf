// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/chain_evm/bloom.hpp"
#include "wavs/triggers/coverage.hpp"

#include <map>
#include <optional>

namespace wavs::triggers {

/// What came over the link is not the proof that nothing else happened: a provider may lose a
/// subscription and say nothing. So a block counts as read when its header excludes logs of the
/// filter, or when its logs have been asked for once the chain was past it. This is the book of
/// which blocks that is still due for. Decides, never waits; not thread-safe. Owned by `EvmSource`.
class LiveCheck {
public:
    /// Asked for at most so often, so that many short blocks cost one question.
    static constexpr base::Duration kPause = std::chrono::milliseconds(200);
    /// Headers are not believed for longer than so many blocks: some chains leave the filter empty.
    static constexpr std::uint64_t kBelieve = 64;

    /// The blocks up to `checked_to` have been read; the link goes on above them.
    void start(const chain_evm::LogFilter& filter, std::uint64_t checked_to);
    /// The link broke, or what it is to deliver changes: nothing is due until the next `start()`.
    void stop() { running_ = false; }
    void on_head(const chain_evm::BlockHeader& header, base::SteadyTime now);
    /// A log of the filter is in this block.
    void on_log(std::uint64_t block);

    /// The blocks up to here are done with, without a question.
    std::uint64_t checked_to() const { return checked_to_; }
    /// What to ask for now, if anything: of the blocks up to `settled`; when no head came for a
    /// while, also of those above, once.
    std::optional<BlockRange> due(std::uint64_t settled, base::SteadyTime now);
    /// A question was put at `now`, whatever came of it.
    void tried(base::SteadyTime now) { asked_at_ = now; }
    /// The logs of `range` have been read, while the blocks up to `settled` could not change by
    /// being late any more.
    void asked(BlockRange range, std::uint64_t settled, base::SteadyTime now);

private:
    bool excluded(std::uint64_t block) const;
    bool all_excluded() const;

    bool running_ = false;
    chain_evm::BloomQuery query_;
    std::uint64_t checked_to_ = 0;
    std::uint64_t head_ = 0;
    // Of the blocks above `checked_to_`.
    std::map<std::uint64_t, bool> may_match_;
    bool blooms_lie_ = false;
    // The last block that was asked for.
    std::uint64_t asked_to_ = 0;
    // The head up to which was asked because nothing came any more.
    std::uint64_t looked_to_ = 0;
    std::optional<base::SteadyTime> asked_at_;
    base::SteadyTime head_at_;
    base::Duration block_time_{};
};

}  // namespace wavs::triggers
