// SPDX-License-Identifier: Apache-2.0
#include "soak_verdict.hpp"

#include "bench.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace wavs::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kMebibyte = 1024.0 * 1024.0;
// A tenth more is no trend yet, nor are ten more of what there are few of.
constexpr double kLargerBy = 1.1;
constexpr double kMoreBy = 10;

// Lines of a page of metrics: the name up to its labels, the labels, the value.
struct MetricLine {
    std::string name;
    std::string labels;
    double value = 0;
};

std::vector<MetricLine> lines_of(const std::string& metrics) {
    std::vector<MetricLine> out;
    std::istringstream page(metrics);
    for (std::string line; std::getline(page, line);) {
        const auto end = line.find_first_of("{ ");
        const auto value = line.rfind(' ');
        if (!line.starts_with('#') && end != std::string::npos) {
            out.push_back({line.substr(0, end), line.substr(end, value - end),
                           std::strtod(line.c_str() + value, nullptr)});
        }
    }
    return out;
}

// "kB" of /proc.
double status_of(int pid, std::string_view name) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name)) {
            return std::strtod(line.c_str() + name.size(), nullptr);
        }
    }
    throw std::runtime_error(fmt::format("no process {}", pid));
}

// Files go while they are counted.
void count_files(const std::string& folder, Holding& out) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
        std::error_code gone;
        if (it->is_regular_file(gone)) {
            const auto bytes = it->file_size(gone);
            out.files += 1;
            out.data_mb += gone ? 0 : static_cast<double>(bytes) / kMebibyte;
        }
    }
}

std::string queue_name(const std::string& labels) {
    const auto begin = labels.find('"');
    return begin == std::string::npos ? labels
                                      : labels.substr(begin + 1, labels.rfind('"') - begin - 1);
}

Trend trend_of(std::string name, const std::vector<Holding>& samples, double seconds,
               double Holding::* quantity) {
    std::vector<double> early;
    std::vector<double> late;
    for (const auto& sample : samples) {
        if (sample.at_s >= 0.25 * seconds && sample.at_s < 0.5 * seconds) {
            early.push_back(sample.*quantity);
        } else if (sample.at_s >= 0.75 * seconds) {
            late.push_back(sample.*quantity);
        }
    }
    Trend out{std::move(name), median(std::move(early)), median(std::move(late))};
    out.limit = out.early * kLargerBy + kMoreBy;
    return out;
}

}  // namespace

Holding holding_of(int pid, const std::string& data, const std::string& metrics) {
    Holding out;
    out.rss_mb = status_of(pid, "VmRSS:") / 1024;
    out.threads = status_of(pid, "Threads:");
    const fs::directory_iterator descriptors(fmt::format("/proc/{}/fd", pid));
    out.descriptors = static_cast<double>(std::distance(begin(descriptors), end(descriptors)));
    count_files(data, out);
    for (const auto& line : lines_of(metrics)) {
        if (line.name == "wavs_queue_depth") {
            out.queues[queue_name(line.labels)] += line.value;
        }
    }
    return out;
}

double metric_of(const std::string& metrics, const std::string& name) {
    double sum = 0;
    for (const auto& line : lines_of(metrics)) {
        sum += line.name == name ? line.value : 0;
    }
    return sum;
}

std::vector<Trend> trends_of(const std::vector<Holding>& samples, double seconds) {
    return {trend_of("rss_mb", samples, seconds, &Holding::rss_mb),
            trend_of("descriptors", samples, seconds, &Holding::descriptors),
            trend_of("threads", samples, seconds, &Holding::threads),
            trend_of("files", samples, seconds, &Holding::files)};
}

}  // namespace wavs::bench
