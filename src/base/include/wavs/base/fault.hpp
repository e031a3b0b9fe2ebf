// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

/// Places where tests can make the node fail: always compiled in, one relaxed load when nothing is
/// armed (docs/overview.md says how to arm one).
namespace wavs::base {

enum class FaultPoint : std::uint8_t {
    AfterAccept,   ///< the event is journaled, nobody knows of it yet
    AfterRun,      ///< the component answered, nothing is signed
    AfterSign,     ///< signed, not stored
    BeforeSend,    ///< the transaction is recorded, not sent
    AfterSend,     ///< the chain's node has the transaction
    AfterReceipt,  ///< it is mined, which is not recorded
    Commit,        ///< a write to the disk
    Source,        ///< what a chain or the clock delivered is about to be handled
    Batches,       ///< what a source saw is about to be accepted
    Worker,        ///< an event is about to be run
    Follow,        ///< a result is about to be followed to its chain
    HostCall,      ///< a guest asks the node for something, on the thread of the guest
};
inline constexpr std::size_t kFaultPoints = 12;
/// In lower case with underscores, such as "after_accept".
std::string_view to_string(FaultPoint point);

struct Fault {
    enum class Action : std::uint8_t { Kill, Abort, Delay, Error } action = Action::Error;
    std::chrono::milliseconds delay{2'000};
};

/// The faults of this process. Thread-safe; armed once, before anything runs.
class Faults {
public:
    static Faults& instance();

    /// `<point>:<n>:<kill|abort|delay|error>`, several parted by commas: the fault happens at the
    /// n-th passing; `<n>+` means from then on, `delay=<milliseconds>` another delay than two
    /// seconds.
    Result<void> arm(std::string_view text);
    void disarm();

    static bool armed() { return armed_.load(std::memory_order_relaxed); }
    /// Counts one passing; the fault that is due, if any. A kill ends the process here, as SIGKILL
    /// does, an abort as SIGABRT of this thread.
    std::optional<Fault> pass(FaultPoint point);

private:
    struct Place {
        std::uint64_t first = 0;
        bool always = false;
        Fault fault;
        std::atomic<std::uint64_t> passed{0};
    };
    Result<void> arm_one(std::string_view text);

    static inline std::atomic<bool> armed_{false};
    std::array<Place, kFaultPoints> places_;
};

/// `fault_injected`, the error of an armed place.
Error fault_error(FaultPoint point);

/// For threads that may block.
Result<void> blocking_fault(FaultPoint point);

}  // namespace wavs::base
