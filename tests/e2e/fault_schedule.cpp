// SPDX-License-Identifier: Apache-2.0
#include "fault_schedule.hpp"

#include "wavs/base/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

namespace wavs::e2e {
namespace {

constexpr std::size_t kFewestMoves = 3;
constexpr std::size_t kMostMoves = 5;
// Each costs the node a wait of a second or more, twice as long each time.
constexpr std::size_t kMostBreaks = 2;
constexpr std::uint64_t kMostTogether = 5;
constexpr std::uint64_t kMostBlocks = 4;
constexpr std::chrono::milliseconds kShortestHold{30};
constexpr std::uint64_t kLongerHold = 220;

constexpr std::array<std::string_view, 18> kNames{
    "refuse",       "drop",      "silent",    "silent, then drop", "delay",      "swallow heads",
    "swallow logs", "duplicate", "reorder",   "truncate",          "rate limit", "wrong chain",
    "range limit",  "lag",       "kill node", "restart chain",     "reorg",      "revert"};

bool breaks_the_link(Disturbance what) {
    switch (what) {
        case Disturbance::Refuse:
        case Disturbance::Drop:
        case Disturbance::SilentThenDrop:
        case Disturbance::Truncate:
        case Disturbance::WrongChain:
        case Disturbance::RangeLimit:
        case Disturbance::Lag:
        case Disturbance::RestartChain:
        case Disturbance::Revert:
            return true;
        default:
            return false;
    }
}

class Maker {
public:
    Maker(std::uint64_t seed, const std::vector<Disturbance>& enabled)
        : random_(seed), enabled_(enabled) {
        out_.seed = seed;
        out_.endpoints = 1 + random_.below(2);
        if (!enabled_.empty()) {
            first_ = enabled_[seed % enabled_.size()];
            out_.endpoints = needs_another(*first_) ? 2 : out_.endpoints;
        }
    }

    Schedule make() {
        const auto moves = kFewestMoves + random_.below(kMostMoves - kFewestMoves + 1);
        activity();
        for (std::size_t i = 0; i < moves; ++i) {
            move();
        }
        activity();
        return std::move(out_);
    }

private:
    void add(Step step) { out_.steps.push_back(step); }

    void activity() {
        const auto together = random_.below(3) == 0;
        add({.kind = together ? Step::Kind::EmitTogether : Step::Kind::Emit,
             .amount = 1 + random_.below(together ? kMostTogether : 3)});
        if (random_.below(4) != 0) {
            add({.kind = Step::Kind::Mine, .amount = 1 + random_.below(kMostBlocks)});
        }
        if (random_.below(3) == 0) {
            hold();
        }
    }

    void hold() {
        const auto more = std::chrono::milliseconds(random_.below(kLongerHold));
        add({.kind = Step::Kind::Hold, .pause = kShortestHold + more});
    }

    // An endpoint is left alone for minutes after it served another chain, as it must be: once a
    // schedule, and with a second one.
    static bool needs_another(Disturbance what) { return what == Disturbance::WrongChain; }

    bool allowed(Disturbance what) const {
        return (!needs_another(what) || (out_.endpoints > 1 && !was_needed_)) &&
               (!breaks_the_link(what) || breaks_ < kMostBreaks);
    }

    // None when the rest of the schedule allows none of them.
    std::optional<Disturbance> pick() {
        if (first_) {
            return std::exchange(first_, std::nullopt);
        }
        std::vector<Disturbance> choice;
        std::copy_if(enabled_.begin(), enabled_.end(), std::back_inserter(choice),
                     [this](Disturbance what) { return allowed(what); });
        return choice.empty() ? std::nullopt : std::optional(choice[random_.below(choice.size())]);
    }

    void move() {
        const auto what = pick();
        if (!what) {
            return;
        }
        Step begin{.kind = Step::Kind::Begin, .amount = 1 + random_.below(kMostBlocks)};
        begin.what = *what;
        was_needed_ = was_needed_ || needs_another(*what);
        begin.endpoint = random_.below(out_.endpoints);
        begin.reinclude = static_cast<Reinclude>(random_.below(3));
        begin.moment = random_.below(2) == 0 ? Moment::AfterResults : Moment::Any;
        breaks_ += breaks_the_link(begin.what) ? 1 : 0;
        add(begin);
        const auto times = 1 + random_.below(2);
        for (std::uint64_t i = 0; i < times; ++i) {
            activity();
        }
        if (random_.below(2) == 0) {
            hold();
        }
        Step end = begin;
        end.kind = Step::Kind::End;
        add(end);
        activity();
    }

    base::SeededRandom random_;
    const std::vector<Disturbance>& enabled_;
    Schedule out_;
    std::optional<Disturbance> first_;
    std::size_t breaks_ = 0;
    bool was_needed_ = false;
};

std::string_view to_string(Reinclude what) {
    constexpr std::array<std::string_view, 3> kTexts{"no event", "the first half of the events",
                                                     "all events"};
    return kTexts.at(static_cast<std::size_t>(what));
}

}  // namespace

std::string_view name_of(Disturbance what) { return kNames.at(static_cast<std::size_t>(what)); }

std::string to_string(const Step& step) {
    switch (step.kind) {
        case Step::Kind::Emit:
            return fmt::format("emit {} events", step.amount);
        case Step::Kind::EmitTogether:
            return fmt::format("emit {} events in one transaction", step.amount);
        case Step::Kind::Mine:
            return fmt::format("mine {} blocks", step.amount);
        case Step::Kind::Hold:
            return fmt::format("hold {} ms", step.pause.count());
        case Step::Kind::Begin:
            return fmt::format("begin: {} (amount {}, endpoint {}, {} again{})", name_of(step.what),
                               step.amount, step.endpoint, to_string(step.reinclude),
                               step.moment == Moment::AfterResults ? ", after a result" : "");
        case Step::Kind::End:
            return fmt::format("end: {}", name_of(step.what));
    }
    return {};
}

Schedule make_schedule(std::uint64_t seed, const std::vector<Disturbance>& enabled) {
    return Maker(seed, enabled).make();
}

}  // namespace wavs::e2e
