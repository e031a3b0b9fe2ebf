// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// Figures of the node as a whole; what each one counts is in docs/bench.md.
namespace wavs::bench {

struct Settings {
    /// Made and removed by the program; on the disk that is measured.
    std::filesystem::path folder;
    /// The program `wavs` of the same build.
    std::filesystem::path wavs_program;
    /// A figure is the median of so many runs.
    unsigned runs = 5;
    std::chrono::milliseconds window{5000};
    std::chrono::milliseconds warm_up{2000};
    /// Triggers under way at once.
    unsigned in_flight = 512;
};

void pipeline(const Settings& settings);
void http_trigger(const Settings& settings);
void latency_idle(const Settings& settings);
void posting(const Settings& settings);
void idle(const Settings& settings);
void cron_idle(const Settings& settings);
void restart(const Settings& settings);
void catch_up(const Settings& settings);
void hostile_neighbours(const Settings& settings);
void services_200(const Settings& settings);
void engine_hot(const Settings& settings);
void engine_scaling(const Settings& settings);
void kv(const Settings& settings);
void guest_native(const Settings& settings);
void quorum_3(const Settings& settings);
void quorum_10(const Settings& settings);
void verify(const Settings& settings);
void queues_10000(const Settings& settings);
/// No figure but a verdict: throws when something grew, or went wrong.
void soak(const Settings& settings);

/// A benchmark that cannot go on ends with an exception; `main` says which.
template <typename T>
T must(base::Result<T> result) {
    if (!result.has_value()) {
        throw std::runtime_error(result.error().full_text());
    }
    return std::move(result.value());
}
inline void must(base::Result<void> result) {
    if (!result.has_value()) {
        throw std::runtime_error(result.error().full_text());
    }
}

/// One line of the output: an object with the name and the figures in the order they came.
class Line {
public:
    explicit Line(std::string_view name);
    Line& add(std::string_view key, double value, int decimals = 0);
    Line& add(std::string_view key, const std::vector<std::string>& texts);
    /// An object of whole numbers.
    Line& add(std::string_view key, const std::map<std::string, double>& values);
    /// To standard output, at once, with the machine's load as its last figure.
    void print();

private:
    std::string text_;
};

/// For people, on standard error.
void note(std::string_view text);

double median(std::vector<double> values);
/// Sorts; `part` of the values are not above the result.
double percentile(std::vector<double>& values, double part);

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to);
double micros_between(std::chrono::steady_clock::time_point from,
                      std::chrono::steady_clock::time_point to);

/// What a process has used so far.
struct Usage {
    double cpu_seconds = 0;
    double rss_mb = 0;
};
Usage usage_of_this_process();
Usage usage_of(int pid);

/// Looks often; throws, naming `what`, after a minute.
void wait_until(std::string_view what, const std::function<bool()>& done);

/// An empty folder of its own below `settings.folder`.
std::filesystem::path fresh_folder(const Settings& settings, std::string_view name);

}  // namespace wavs::bench
