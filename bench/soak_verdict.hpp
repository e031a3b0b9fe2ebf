// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace wavs::bench {

/// What a process holds at one moment of a soak.
struct Holding {
    double at_s = 0;
    double rss_mb = 0;
    double descriptors = 0;
    double threads = 0;
    /// Below the data directory.
    double files = 0;
    double data_mb = 0;
    /// Name of a queue -> items that wait in it.
    std::map<std::string, double> queues = {};
};

/// `data` is walked, `metrics` is the page `/metrics`.
Holding holding_of(int pid, const std::string& data, const std::string& metrics);
/// A metric summed over its labels; 0 when it is not on the page.
double metric_of(const std::string& metrics, const std::string& name);

/// How one quantity went: its median in the second quarter of the run, when all that is kept for a
/// while is kept, and in the last quarter.
struct Trend {
    std::string name;
    double early = 0;
    double late = 0;
    /// What `late` may be at most.
    double limit = 0;
    bool flat() const { return late <= limit; }
};
std::vector<Trend> trends_of(const std::vector<Holding>& samples, double seconds);

}  // namespace wavs::bench
