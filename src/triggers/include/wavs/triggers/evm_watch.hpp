// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/log.hpp"
#include "wavs/triggers/coverage.hpp"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace wavs::triggers {

/// What one EVM chain's source knows, without the chain: which logs concern whom, which blocks have
/// been read, which announcement of which service is being followed. Decides, never waits. Not
/// thread-safe: `EvmSource` guards it.
///
/// An announcement of a manifest divides the history of its chain. What comes after it is not
/// delivered for that service, and its blocks do not count as read, until the new manifest is in
/// force (`set_index`) or given up (`resume`); then they are read again, under the manifest that
/// holds. So every operator runs an event under the same revision, however long fetching takes, and
/// nothing is kept in memory that a crash could lose. What was delivered before comes again and is
/// dropped by its event id. A second announcement behind one that is being followed is told too, so
/// that nobody waits for a manifest that was taken back, and comes again in its turn.
class EvmWatch {
public:
    explicit EvmWatch(types::ChainKey chain) : chain_(std::move(chain)) {}

    /// True when something new in `index` can only start at the chain's head.
    bool needs_head(const TriggerIndex& index) const;
    /// Another set of services. What is new and has no moment of its own starts after `head`; when
    /// that is not known, at the first `start_pending()`.
    void set_index(std::shared_ptr<const TriggerIndex> index, std::optional<std::uint64_t> head);
    void start_pending(std::uint64_t head);
    /// The manifest announced at `at` is not coming: the service goes on under the one in force.
    void resume(const types::ServiceId& service, types::ChainPosition at);
    const TriggerIndex::Chain& wanted() const { return index_->of(chain_); }

    /// Blocks became unread, so the gap has to be read before live logs count again.
    bool stale() const { return stale_; }
    void make_stale() { stale_ = true; }
    void begin_reading() {
        stale_ = false;
        unread_from_.reset();
    }
    /// All of `filter` has been read since `begin_reading()`, and its new logs arrive.
    void live(chain_evm::LogFilter filter) { live_ = std::move(filter); }
    /// The link broke.
    void broken() { live_.reset(); }
    /// A head on the unbroken link: what is `settled` counts as read.
    void on_head(std::uint64_t settled);
    /// The first block of `filter` that has to be read, none when nothing has up to `head`.
    std::optional<std::uint64_t> first_missing(const chain_evm::LogFilter& filter,
                                               std::uint64_t head) const {
        return coverage_.first_missing(filter, head);
    }
    /// The chain replaced its blocks from `from` on: they are unread for every pair, and what was
    /// announced in them was not announced.
    void reorganised(std::uint64_t from);
    /// The logs of `range` have been seen. Blocks that became unread meanwhile stay so: their logs
    /// were looked at under what was wanted before.
    void read(const chain_evm::LogFilter& filter, BlockRange range);

    struct Seen {
        std::vector<types::SeenEvent> events;
        std::optional<types::ServiceUriChange> change;
    };
    /// Logs have to come in the order of the chain, except those that come again.
    Seen see(const chain_evm::EvmLog& log);

    /// The last height of a block interval that this revision may be given: what is announced in a
    /// block concerns the heights above it, so every block below a height must have been read for
    /// announcements. No bound when the manager is on another chain.
    std::uint64_t firm_height(const types::RegisteredService& service) const;
    struct Unread {
        chain_evm::LogFilter filter;
        BlockRange range;
    };
    /// The announcements to be read before `height` is firm for these services. None when it is, or
    /// when reading alone does not make it so: a manifest is awaited, or a gap is to be read first.
    std::optional<Unread> announcements_below(
        std::uint64_t height, std::span<const types::RegisteredServicePtr> services) const;

    const Coverage& coverage() const { return coverage_; }
    /// The stored coverage; before the first `set_index()`.
    void restore(Coverage coverage) { coverage_ = std::move(coverage); }

private:
    std::optional<types::ServiceUriChange> announcement(const chain_evm::EvmLog& log,
                                                        types::ChainPosition at);
    bool start(const TriggerIndex::Target& target, std::optional<std::uint64_t> head);
    void start_all(std::optional<std::uint64_t> head);
    void read_again(const types::ServiceId& service, std::uint64_t from);
    void became_unread(std::uint64_t from);
    void update_holds();
    std::vector<Coverage::Pair> pairs_of(const types::ServiceId& service) const;

    types::ChainKey chain_;
    std::shared_ptr<const TriggerIndex> index_ = std::make_shared<TriggerIndex>();
    Coverage coverage_;
    std::map<types::ServiceId, types::ChainPosition> changing_;
    std::map<types::ServiceId, types::ChainPosition> given_up_;
    // The last announcement that was told of.
    std::map<types::ServiceId, types::ChainPosition> told_;
    // The filter whose new logs arrive without a gap; none from a broken link until the gap behind
    // it has been read.
    std::optional<chain_evm::LogFilter> live_;
    bool stale_ = false;
    // The lowest block that became unread since `begin_reading()`.
    std::optional<std::uint64_t> unread_from_;
};

}  // namespace wavs::triggers
