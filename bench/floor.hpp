// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench.hpp"

#include <memory>

namespace wavs::bench {

/// The work of an event that no node can leave out, and nothing else: the echo component in a fresh
/// instance, event id, envelope and signature. No storage and no hand-over: what follows a run
/// happens on the guest thread that ended it.
class Floor {
public:
    /// As many guest threads as a node has by default. `folder` keeps compiled code.
    explicit Floor(const std::filesystem::path& folder);
    ~Floor();
    Floor(const Floor&) = delete;
    Floor& operator=(const Floor&) = delete;

    struct Rate {
        double events_per_s = 0;
        double cpu_us = 0;
    };
    Rate measure(std::chrono::milliseconds window);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::bench
