// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"
#include "wavs/base/result.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::telemetry {

enum class Level : std::uint8_t { Trace, Debug, Info, Warn, Error, Off };

/// One key and value of a structured log line.
struct Field {
    template <typename T>
    Field(std::string_view field_key, const T& field_value)
        : key(field_key), value(fmt::format("{}", field_value)) {}
    std::string_view key;
    std::string value;
};

/// One line as a sink gets it.
struct Record {
    Level level;
    std::string_view target;  ///< the module that speaks, e.g. "chain_evm"
    std::string_view message;
    std::span<const Field> fields;
};

enum class LogFormat { Text, Json };

struct LogOptions {
    /// `level` or `target=level`; later ones win. Levels: off, error, warn, info, debug, trace.
    std::vector<std::string> directives{"info"};
    LogFormat format = LogFormat::Text;
};

/// Invalid, naming the directive, when one cannot be read.
base::Result<void> check_log_directive(std::string_view directive);

/// Sets up the process-wide log on standard error. Thread-safe; may be called again.
base::Result<void> configure_log(const LogOptions& options);

/// Sends every line to `sink` instead (tests); an empty function restores standard error.
void set_log_sink(std::function<void(const Record&)> sink);

bool log_enabled(Level level, std::string_view target);
void log(Level level, std::string_view target, std::string_view message,
         std::initializer_list<Field> fields = {});

inline void log_debug(std::string_view target, std::string_view message,
                      std::initializer_list<Field> fields = {}) {
    log(Level::Debug, target, message, fields);
}
inline void log_info(std::string_view target, std::string_view message,
                     std::initializer_list<Field> fields = {}) {
    log(Level::Info, target, message, fields);
}
inline void log_warn(std::string_view target, std::string_view message,
                     std::initializer_list<Field> fields = {}) {
    log(Level::Warn, target, message, fields);
}
inline void log_error(std::string_view target, std::string_view message,
                      std::initializer_list<Field> fields = {}) {
    log(Level::Error, target, message, fields);
}
/// An error where it stops its travel: message, remedy and code as fields.
void log_failure(Level level, std::string_view target, std::string_view what,
                 const base::Error& error, std::initializer_list<Field> fields = {});

/// The line as standard error shows it.
std::string format_record(const Record& record, LogFormat format, std::string_view time);

}  // namespace wavs::telemetry
