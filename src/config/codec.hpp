// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "value.hpp"
#include "wavs/base/result.hpp"
#include "wavs/config/config.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace wavs::config {

/// Reads one declared type from a layer's value and shows it again in TOML syntax. Error texts say
/// what was expected and what kind of thing was found, without a remedy or a place.
template <typename T>
struct Codec;

base::Error mismatch(std::string_view expected, const Value& found);

base::Result<std::uint64_t> read_unsigned(const Value& value, std::uint64_t max);
/// Digits as text whatever their number, for TOML integers end at 2^63-1.
base::Result<types::Amount> read_amount(const Value& value);
std::string show_amount(types::Amount value);
base::Result<double> read_decimal(const Value& value);
base::Result<std::string> read_text(const Value& value, std::string_view expected);
base::Result<std::vector<std::string>> read_list(const Value& value);
base::Result<std::chrono::milliseconds> read_duration(const Value& value);
std::string show_duration(std::chrono::milliseconds value);
std::string in_quotes(std::string_view text);
std::string show_list(const std::vector<std::string>& items);

template <>
struct Codec<bool> {
    static std::string name() { return "true or false"; }
    static base::Result<bool> read(const Value& value);
    static std::string show(bool value) { return value ? "true" : "false"; }
};

template <typename T>
    requires std::unsigned_integral<T> && (!std::same_as<T, bool>)
struct Codec<T> {
    static std::string name() { return "integer"; }
    static base::Result<T> read(const Value& value) {
        WAVS_TRY(const auto number, read_unsigned(value, std::numeric_limits<T>::max()));
        return static_cast<T>(number);
    }
    static std::string show(T value) { return fmt::format("{}", value); }
};

/// Amounts of the smallest unit of a chain's coin.
template <>
struct Codec<types::Amount> {
    static std::string name() { return "integer or digits as text"; }
    static base::Result<types::Amount> read(const Value& value) { return read_amount(value); }
    static std::string show(types::Amount value) { return show_amount(value); }
};

template <std::floating_point T>
struct Codec<T> {
    static std::string name() { return "number"; }
    static base::Result<T> read(const Value& value) {
        WAVS_TRY(const auto number, read_decimal(value));
        return static_cast<T>(number);
    }
    static std::string show(T value) { return fmt::format("{}", value); }
};

template <>
struct Codec<std::string> {
    static std::string name() { return "string"; }
    static base::Result<std::string> read(const Value& value) {
        return read_text(value, "a string");
    }
    static std::string show(const std::string& value) { return in_quotes(value); }
};

template <>
struct Codec<std::filesystem::path> {
    static std::string name() { return "path"; }
    static base::Result<std::filesystem::path> read(const Value& value) {
        WAVS_TRY(auto text, read_text(value, "a path"));
        return std::filesystem::path(std::move(text));
    }
    static std::string show(const std::filesystem::path& value) {
        return in_quotes(value.string());
    }
};

template <>
struct Codec<SecretString> {
    static std::string name() { return "secret"; }
    static base::Result<SecretString> read(const Value& value) {
        WAVS_TRY(auto text, read_text(value, "a string"));
        SecretString secret(text);
        wipe(text);
        return secret;
    }
    static std::string show(const SecretString& value) { return fmt::format("\"{}\"", value); }
};

template <>
struct Codec<std::vector<std::string>> {
    static std::string name() { return "list of strings"; }
    static base::Result<std::vector<std::string>> read(const Value& value) {
        return read_list(value);
    }
    static std::string show(const std::vector<std::string>& value) { return show_list(value); }
};

template <>
struct Codec<types::ChainKey> {
    static std::string name() { return "chain key"; }
    static base::Result<types::ChainKey> read(const Value& value) {
        WAVS_TRY(const auto text, read_text(value, "a chain key such as \"evm:1\""));
        return types::ChainKey::parse(text);
    }
    static std::string show(const types::ChainKey& value) { return in_quotes(value.str()); }
};

template <>
struct Codec<std::vector<types::ServiceId>> {
    static std::string name() { return "list of service ids"; }
    static base::Result<std::vector<types::ServiceId>> read(const Value& value) {
        WAVS_TRY(const auto texts, read_list(value));
        std::vector<types::ServiceId> out;
        for (const std::string& text : texts) {
            WAVS_TRY(out.emplace_back(), types::parse_service_id(text));
        }
        return out;
    }
    static std::string show(const std::vector<types::ServiceId>& value) {
        std::vector<std::string> texts;
        for (const auto& id : value) {
            texts.push_back(types::to_string(id));
        }
        return show_list(texts);
    }
};

template <>
struct Codec<std::vector<types::EvmAddress>> {
    static std::string name() { return "list of addresses"; }
    static base::Result<std::vector<types::EvmAddress>> read(const Value& value) {
        WAVS_TRY(const auto texts, read_list(value));
        std::vector<types::EvmAddress> out;
        for (const std::string& text : texts) {
            WAVS_TRY(out.emplace_back(), types::parse_evm_address(text));
        }
        return out;
    }
    static std::string show(const std::vector<types::EvmAddress>& value) {
        std::vector<std::string> texts;
        for (const auto& address : value) {
            texts.push_back(types::to_checksum_string(address));
        }
        return show_list(texts);
    }
};

template <>
struct Codec<std::vector<WorkflowName>> {
    static std::string name() { return "list of workflows"; }
    static base::Result<std::vector<WorkflowName>> read(const Value& value) {
        WAVS_TRY(const auto texts, read_list(value));
        std::vector<WorkflowName> out;
        for (const std::string& text : texts) {
            const auto slash = text.find('/');
            if (slash == std::string::npos) {
                return base::Error(base::ErrorKind::Invalid, "config_value",
                                   fmt::format("expected \"<service id>/<workflow id>\", found {}",
                                               in_quotes(text)));
            }
            WAVS_TRY(const auto service, types::parse_service_id(text.substr(0, slash)));
            WAVS_TRY(auto workflow, types::WorkflowId::parse(text.substr(slash + 1)));
            out.push_back({service, std::move(workflow)});
        }
        return out;
    }
    static std::string show(const std::vector<WorkflowName>& value) {
        std::vector<std::string> texts;
        for (const auto& one : value) {
            texts.push_back(types::to_string(one.service) + "/" + one.workflow.str());
        }
        return show_list(texts);
    }
};

/// Whole seconds as an integer, or text with a unit.
template <>
struct Codec<std::chrono::milliseconds> {
    static std::string name() { return "duration"; }
    static base::Result<std::chrono::milliseconds> read(const Value& value) {
        return read_duration(value);
    }
    static std::string show(std::chrono::milliseconds value) { return show_duration(value); }
};

/// Keys whose name ends with `_secs` or `_ms`: an integer in that unit.
template <typename Rep, typename Period>
    requires std::same_as<Period, std::ratio<1>>
struct Codec<std::chrono::duration<Rep, Period>> {
    static std::string name() { return "seconds"; }
    static base::Result<std::chrono::seconds> read(const Value& value) {
        // Small enough that adding it to a clock in nanoseconds cannot overflow.
        WAVS_TRY(const auto number, read_unsigned(value, kMaxSeconds));
        return std::chrono::seconds(number);
    }
    static std::string show(std::chrono::seconds value) { return fmt::format("{}", value.count()); }
    static constexpr std::uint64_t kMaxSeconds = 3'153'600'000;
};

template <typename T>
struct Codec<std::optional<T>> {
    static std::string name() { return Codec<T>::name(); }
    static base::Result<std::optional<T>> read(const Value& value) {
        // An empty variable means "not set" to the tools that write environment files. An empty
        // secret stays, to be refused.
        if constexpr (!std::same_as<T, SecretString>) {
            const std::string* const text = value.text();
            if (text != nullptr && trim(*text).empty()) {
                return std::optional<T>{};
            }
        }
        WAVS_TRY(auto inner, Codec<T>::read(value));
        return std::optional<T>(std::move(inner));
    }
    static std::string show(const std::optional<T>& value) {
        return value.has_value() ? Codec<T>::show(*value) : "none";
    }
};

template <typename T>
struct Codec<std::map<std::string, T>> {
    static std::string name() { return "table, name = " + Codec<T>::name(); }
    static base::Result<std::map<std::string, T>> read(const Value& value) {
        const Value expanded = value.typed || value.text() == nullptr
                                   ? value
                                   : untyped_value(*value.text(), value.origin);
        const Table* const table = expanded.table();
        if (table == nullptr) {
            return mismatch("a table", value);
        }
        std::map<std::string, T> out;
        for (const auto& [key, entry] : *table) {
            auto item = Codec<T>::read(entry);
            if (!item.has_value()) {
                return std::move(item).error().with("{}", key);
            }
            out.emplace(key, std::move(item).value());
        }
        return out;
    }
    static std::string show(const std::map<std::string, T>& value) {
        std::string out;
        for (const auto& [key, item] : value) {
            out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", in_quotes(key),
                               Codec<T>::show(item));
        }
        return "{" + out + "}";
    }
};

template <typename T>
struct Codec<std::map<types::ServiceId, T>> {
    static std::string name() { return "table, service id = " + Codec<T>::name(); }
    static base::Result<std::map<types::ServiceId, T>> read(const Value& value) {
        WAVS_TRY(auto by_name, (Codec<std::map<std::string, T>>::read(value)));
        std::map<types::ServiceId, T> out;
        for (auto& [text, item] : by_name) {
            WAVS_TRY(const auto id, types::parse_service_id(text));
            out.emplace(id, std::move(item));
        }
        return out;
    }
    static std::string show(const std::map<types::ServiceId, T>& value) {
        std::map<std::string, T> by_name;
        for (const auto& [id, item] : value) {
            by_name.emplace(types::to_string(id), item);
        }
        return Codec<std::map<std::string, T>>::show(by_name);
    }
};

/// The words of an enumeration, in the order of its values.
template <typename E>
struct EnumWords;

template <>
struct EnumWords<HealthCheckMode> {
    static constexpr std::array<std::string_view, 3> kWords = {"bypass", "wait", "exit"};
};
template <>
struct EnumWords<LogFormat> {
    static constexpr std::array<std::string_view, 2> kWords = {"text", "json"};
};
template <>
struct EnumWords<PermissionPolicy> {
    static constexpr std::array<std::string_view, 2> kWords = {"accept", "hold"};
};
template <>
struct EnumWords<types::BlockTimestamp> {
    static constexpr std::array<std::string_view, 3> kWords = {"as_delivered", "present", "absent"};
};

template <typename E>
    requires std::is_enum_v<E>
struct Codec<E> {
    static std::string name() {
        return fmt::format("`{}`", fmt::join(EnumWords<E>::kWords, "`, `"));
    }
    static base::Result<E> read(const Value& value) {
        const auto expected = fmt::format("one of {}", fmt::join(EnumWords<E>::kWords, ", "));
        WAVS_TRY(const auto text, read_text(value, expected));
        for (std::size_t i = 0; i < EnumWords<E>::kWords.size(); ++i) {
            if (EnumWords<E>::kWords[i] == text) {
                return static_cast<E>(i);
            }
        }
        return base::Error(base::ErrorKind::Invalid, "config_value",
                           fmt::format("expected {}, found {}", expected, in_quotes(text)));
    }
    static std::string show(E value) {
        return fmt::format("\"{}\"", EnumWords<E>::kWords[static_cast<std::size_t>(value)]);
    }
};

}  // namespace wavs::config
