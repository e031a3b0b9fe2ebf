// SPDX-License-Identifier: Apache-2.0
#include "wavs/telemetry/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>

namespace wavs::telemetry {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"trace", "debug", "info",
                                                    "warn",  "error", "off"};

struct Filter {
    Level everywhere = Level::Info;
    std::map<std::string, Level, std::less<>> by_target;

    Level level_of(std::string_view target) const {
        const auto found = by_target.find(target);
        return found == by_target.end() ? everywhere : found->second;
    }
};

struct Log {
    std::mutex mutex;
    Filter filter;
    LogFormat format = LogFormat::Text;
    std::function<void(const Record&)> sink;
    std::shared_ptr<spdlog::logger> logger = make_logger();
    // A line below every configured level costs one load.
    std::atomic<Level> lowest{Level::Info};

    static std::shared_ptr<spdlog::logger> make_logger() {
        auto out = std::make_shared<spdlog::logger>(
            "wavs", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        out->set_pattern("%v");
        out->set_level(spdlog::level::trace);
        out->flush_on(spdlog::level::trace);
        return out;
    }
};

Log& the_log() {
    static Log instance;
    return instance;
}

std::optional<Level> parse_level(std::string_view text) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == text) {
            return static_cast<Level>(i);
        }
    }
    return std::nullopt;
}

base::Result<void> apply_directive(Filter& filter, std::string_view directive) {
    const auto equals = directive.find('=');
    const bool has_target = equals != std::string_view::npos;
    const auto level = parse_level(has_target ? directive.substr(equals + 1) : directive);
    const auto target = has_target ? directive.substr(0, equals) : std::string_view();
    if (!level || (has_target && target.empty())) {
        return base::Error(base::ErrorKind::Invalid, "log_directive",
                           fmt::format("cannot read log directive {:?}", directive),
                           "write a level (off, error, warn, info, debug, trace) or module=level");
    }
    if (has_target) {
        filter.by_target[std::string(target)] = *level;
    } else {
        filter.everywhere = *level;
    }
    return base::ok();
}

void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

std::string format_json(const Record& record, std::string_view time) {
    std::string out = "{\"time\":";
    append_json_string(out, time);
    out += ",\"level\":";
    append_json_string(out, kNames.at(static_cast<std::size_t>(record.level)));
    out += ",\"target\":";
    append_json_string(out, record.target);
    out += ",\"message\":";
    append_json_string(out, record.message);
    for (const auto& field : record.fields) {
        out.push_back(',');
        append_json_string(out, field.key);
        out.push_back(':');
        append_json_string(out, field.value);
    }
    out.push_back('}');
    return out;
}

// A line stays one line, whatever a guest or a peer wrote into it.
std::string one_line(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += c == '\n' ? "\\n" : " ";
        } else {
            out.push_back(c);
        }
    }
    return out;
}

std::string now_text() {
    const auto now = std::chrono::system_clock::now();
    const auto millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    const std::time_t seconds = static_cast<std::time_t>(millis / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                       millis % 1000);
}

void emit(const Record& record) {
    auto& log = the_log();
    std::unique_lock lock(log.mutex);
    if (log.sink) {
        log.sink(record);
        return;
    }
    const auto line = format_record(record, log.format, now_text());
    const auto logger = log.logger;
    lock.unlock();
    logger->info(line);
}

}  // namespace

base::Result<void> check_log_directive(std::string_view directive) {
    Filter unused;
    return apply_directive(unused, directive);
}

base::Result<void> configure_log(const LogOptions& options) {
    Filter filter;
    for (const auto& directive : options.directives) {
        WAVS_TRY(apply_directive(filter, directive));
    }
    auto& log = the_log();
    const std::lock_guard lock(log.mutex);
    Level lowest = filter.everywhere;
    for (const auto& [target, level] : filter.by_target) {
        lowest = std::min(lowest, level);
    }
    log.lowest.store(lowest, std::memory_order_relaxed);
    log.filter = std::move(filter);
    log.format = options.format;
    return base::ok();
}

void set_log_sink(std::function<void(const Record&)> sink) {
    auto& log = the_log();
    const std::lock_guard lock(log.mutex);
    log.sink = std::move(sink);
}

bool log_enabled(Level level, std::string_view target) {
    auto& log = the_log();
    if (level < log.lowest.load(std::memory_order_relaxed)) {
        return false;
    }
    const std::lock_guard lock(log.mutex);
    return level >= log.filter.level_of(target);
}

void log(Level level, std::string_view target, std::string_view message,
         std::initializer_list<Field> fields) {
    if (!log_enabled(level, target)) {
        return;
    }
    emit({level, target, message, {fields.begin(), fields.size()}});
}

void log_failure(Level level, std::string_view target, std::string_view what,
                 const base::Error& error, std::initializer_list<Field> fields) {
    if (!log_enabled(level, target)) {
        return;
    }
    const auto message = fmt::format("{}: {}", what, error.full_text());
    std::vector<Field> all(fields);
    all.emplace_back("code", error.code().view());
    emit({level, target, message, all});
}

std::string format_record(const Record& record, LogFormat format, std::string_view time) {
    if (format == LogFormat::Json) {
        return format_json(record, time);
    }
    std::string out =
        fmt::format("{} {:<5} {}: {}", time, kNames.at(static_cast<std::size_t>(record.level)),
                    record.target, one_line(record.message));
    for (const auto& field : record.fields) {
        out += fmt::format(" {}={}", field.key, one_line(field.value));
    }
    return out;
}

}  // namespace wavs::telemetry
