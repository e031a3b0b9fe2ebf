// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/telemetry/log.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace wavs::telemetry::testing {

/// Collects every log line of the process while it lives.
class CapturedLog {
public:
    explicit CapturedLog(std::vector<std::string> directives = {"trace"}) {
        (void)configure_log({.directives = std::move(directives)});
        set_log_sink([this](const Record& record) {
            const std::lock_guard lock(mutex_);
            lines_.push_back(format_record(record, LogFormat::Text, "T"));
        });
    }
    ~CapturedLog() {
        set_log_sink({});
        (void)configure_log({});
    }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;

    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    std::size_t count(std::string_view part) const {
        const std::lock_guard lock(mutex_);
        std::size_t n = 0;
        for (const auto& line : lines_) {
            n += line.find(part) != std::string::npos ? 1 : 0;
        }
        return n;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

}  // namespace wavs::telemetry::testing
