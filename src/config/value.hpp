// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/secret.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wavs::config {

/// Sections of the file and the places outside it, weakest first.
enum class Layer { BuiltIn, Default, Program, Global, Environment, CommandLine };

/// Where a value was written.
struct Origin {
    Layer layer = Layer::BuiltIn;
    /// "/etc/wavs/wavs.toml:12", "WAVS_PORT", "--port"; "default" when nobody wrote it.
    std::string text = "default";
};

struct Value;
using Array = std::vector<Value>;
using Table = std::map<std::string, Value>;

/// One node of a layer. Values from the environment and the command line are text without a type
/// (`typed` = false): the key that reads them decides.
struct Value {
    using Data =
        std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table>;

    Data data = {};
    Origin origin = {};
    bool typed = true;

    const Table* table() const { return std::get_if<Table>(&data); }
    Table* table() { return std::get_if<Table>(&data); }
    const Array* array() const { return std::get_if<Array>(&data); }
    const std::string* text() const { return std::get_if<std::string>(&data); }

    /// "an integer", "a table", for error texts; never the value.
    std::string_view kind() const;
};

/// Text from the environment or the command line. "[a, b]" is an array and "{k = v}" a table; their
/// leaves, and everything else, stay text.
Value untyped_value(std::string_view text, const Origin& origin);

/// Lower case, ASCII only.
std::string lower(std::string_view text);
std::string_view trim(std::string_view text);

/// Puts `from` over `into`: tables key by key, everything else replaced.
void merge(Table& into, Table from);

/// Wipes every text below; called when the values have been read, since some are secrets.
void wipe(Table& table);

}  // namespace wavs::config
