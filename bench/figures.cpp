// SPDX-License-Identifier: Apache-2.0
#include "bench.hpp"

#include "wavs/types/json.hpp"

#include <fmt/format.h>

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace wavs::bench {
namespace {

constexpr double kMebibyte = 1024.0 * 1024.0;

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double rss_of(const std::string& process) {
    std::ifstream in("/proc/" + process + "/statm");
    double total = 0;
    double resident = 0;
    in >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / kMebibyte;
}

}  // namespace

Line::Line(std::string_view name) : text_(fmt::format("{{\"name\":\"{}\"", name)) {}

Line& Line::add(std::string_view key, double value, int decimals) {
    text_ += std::isfinite(value) ? fmt::format(",\"{}\":{:.{}f}", key, value, decimals)
                                  : fmt::format(",\"{}\":null", key);
    return *this;
}

Line& Line::add(std::string_view key, const std::vector<std::string>& texts) {
    text_ += fmt::format(",\"{}\":[", key);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        text_ += i == 0 ? "" : ",";
        types::json::Writer(text_).string(texts[i]);
    }
    text_ += "]";
    return *this;
}

Line& Line::add(std::string_view key, const std::map<std::string, double>& values) {
    text_ += fmt::format(",\"{}\":{{", key);
    bool first = true;
    for (const auto& [name, value] : values) {
        text_ += fmt::format("{}\"{}\":{:.0f}", first ? "" : ",", name, value);
        first = false;
    }
    text_ += "}";
    return *this;
}

void Line::print() {
    double load = 0;
    if (::getloadavg(&load, 1) == 1) {
        add("load", load, 1);
    }
    std::fprintf(stdout, "%s}\n", text_.c_str());
    std::fflush(stdout);
}

void note(std::string_view text) {
    std::fprintf(stderr, "    %.*s\n", static_cast<int>(text.size()), text.data());
}

double median(std::vector<double> values) { return percentile(values, 0.5); }

double percentile(std::vector<double>& values, double part) {
    if (values.empty()) {
        return std::nan("");
    }
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    return values[static_cast<std::size_t>(std::lround(part * last))];
}

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

double micros_between(std::chrono::steady_clock::time_point from,
                      std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double, std::micro>(to - from).count();
}

Usage usage_of_this_process() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return {seconds_of(used.ru_utime) + seconds_of(used.ru_stime), rss_of("self")};
}

Usage usage_of(int pid) {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) {
        throw std::runtime_error(fmt::format("no process {}", pid));
    }
    return {static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9,
            rss_of(fmt::format("{}", pid))};
}

void wait_until(std::string_view what, const std::function<bool()>& done) {
    constexpr auto kLimit = std::chrono::minutes(1);
    const auto end = std::chrono::steady_clock::now() + kLimit;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) {
            throw std::runtime_error(fmt::format("waited a minute for {}", what));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::filesystem::path fresh_folder(const Settings& settings, std::string_view name) {
    auto folder = settings.folder / name;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
}

}  // namespace wavs::bench
