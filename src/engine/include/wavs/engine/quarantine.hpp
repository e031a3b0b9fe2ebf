// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/rt/engine.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/ids.hpp"

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace wavs::engine {

/// What is held against one component since it was last let off.
struct Strikes {
    /// When the node was ended by a fatal signal inside this component.
    std::vector<types::Timestamp> times;
    /// For which services it ran then.
    std::set<types::ServiceId> services;
    bool quarantined = false;
};

/// Keeps components from running that have ended the node. A strike is a fatal signal of a thread
/// while it is in the component's guest, host calls included; what ends the process from outside
/// (SIGKILL, the kernel's lack of memory, loss of power) is none. The file of strikes is all there
/// is to it: strikes and lifts, one line each. Owned by `app`, made before the guest engine.
/// Thread-safe.
class Quarantine {
public:
    /// So many strikes and a component is not run any more.
    static constexpr std::size_t kMostStrikes = 3;

    /// Reads the file, or makes it. `strikes_damaged` (Invalid), `strikes_file` (Unavailable).
    static base::Result<std::unique_ptr<Quarantine>> open(std::filesystem::path file,
                                                          const base::Clock& clock,
                                                          telemetry::Metrics& metrics);
    ~Quarantine();
    Quarantine(const Quarantine&) = delete;
    Quarantine& operator=(const Quarantine&) = delete;

    /// Notes fatal signals from here on. `library` is the one that runs the guests.
    base::Result<void> watch(const rt::Library& library);

    /// `quarantined` (Guest), or none when the component may run. Cheap while nothing is
    /// quarantined.
    std::optional<base::Error> refusal(const types::ComponentDigest& digest) const;
    std::map<types::ComponentDigest, Strikes> list() const;
    /// Forgets the strikes of a component: it runs from now on. Waits for the disk. `no_strikes`
    /// (NotFound), `strikes_file`.
    base::Result<void> lift(const types::ComponentDigest& digest);

    /// The events that ran when the process ended, one per strike ever, in their order.
    const std::vector<types::EventId>& crashed_events() const { return crashed_; }

private:
    Quarantine(std::filesystem::path path, int file, const base::Clock& clock,
               telemetry::Metrics& metrics);
    base::Result<void> read();
    void recount_locked();

    const std::filesystem::path path_;
    const int file_;
    const base::Clock& clock_;
    telemetry::Gauge gauge_;
    std::vector<types::EventId> crashed_;
    std::mutex file_mutex_;
    mutable std::mutex mutex_;
    std::map<types::ComponentDigest, Strikes> components_;
    std::atomic<std::size_t> quarantined_{0};
};

/// What a refusal begins with.
std::string quarantine_text(const types::ComponentDigest& digest);

}  // namespace wavs::engine
