// SPDX-License-Identifier: Apache-2.0
#pragma once

// A small JSON reader and the writing of strings. Numbers keep their text.

#include <utility>

#include "wavs/base.hpp"

namespace wavs::json {

struct Value {
    enum class Kind : std::uint8_t { Null, Bool, Number, String, Array, Object };

    Kind kind = Kind::Null;
    bool truth = false;
    /// String: its content. Number: as written.
    std::string text = {};
    std::vector<Value> items = {};
    std::vector<std::pair<std::string, Value>> members = {};

    const Value* find(std::string_view key) const {
        for (const auto& [name, value] : members) {
            if (name == key) {
                return &value;
            }
        }
        return nullptr;
    }
};

class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    std::optional<Value> document() {
        auto result = value(0);
        skip_space();
        return rest_.empty() ? std::move(result) : std::nullopt;
    }

private:
    static constexpr int kMaxDepth = 64;

    void skip_space() {
        while (!rest_.empty() && std::string_view(" \t\r\n").contains(rest_.front())) {
            rest_.remove_prefix(1);
        }
    }

    bool eat(std::string_view token) {
        skip_space();
        if (!rest_.starts_with(token)) {
            return false;
        }
        rest_.remove_prefix(token.size());
        return true;
    }

    std::optional<Value> value(int depth) {
        skip_space();
        if (rest_.empty() || depth > kMaxDepth) {
            return std::nullopt;
        }
        switch (rest_.front()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string_value();
            case 't':
                return literal("true", {.kind = Value::Kind::Bool, .truth = true});
            case 'f':
                return literal("false", {.kind = Value::Kind::Bool});
            case 'n':
                return literal("null", {});
            default:
                return number();
        }
    }

    std::optional<Value> literal(std::string_view token, Value value) {
        return eat(token) ? std::optional<Value>(std::move(value)) : std::nullopt;
    }

    std::optional<Value> number() {
        std::size_t end = 0;
        while (end < rest_.size() && std::string_view("+-.0123456789Ee").contains(rest_[end])) {
            ++end;
        }
        if (end == 0) {
            return std::nullopt;
        }
        Value result{.kind = Value::Kind::Number, .text = std::string(rest_.substr(0, end))};
        rest_.remove_prefix(end);
        return result;
    }

    std::optional<Value> string_value() {
        auto text = string();
        if (!text) {
            return std::nullopt;
        }
        return Value{.kind = Value::Kind::String, .text = *std::move(text)};
    }

    std::optional<Value> array(int depth) {
        Value result{.kind = Value::Kind::Array};
        eat("[");
        if (eat("]")) {
            return result;
        }
        do {
            auto item = value(depth + 1);
            if (!item) {
                return std::nullopt;
            }
            result.items.push_back(*std::move(item));
        } while (eat(","));
        return eat("]") ? std::optional<Value>(std::move(result)) : std::nullopt;
    }

    std::optional<Value> object(int depth) {
        Value result{.kind = Value::Kind::Object};
        eat("{");
        if (eat("}")) {
            return result;
        }
        do {
            skip_space();
            auto name = string();
            if (!name || !eat(":")) {
                return std::nullopt;
            }
            auto member = value(depth + 1);
            if (!member) {
                return std::nullopt;
            }
            result.members.emplace_back(*std::move(name), *std::move(member));
        } while (eat(","));
        return eat("}") ? std::optional<Value>(std::move(result)) : std::nullopt;
    }

    std::optional<std::string> string() {
        if (!rest_.starts_with('"')) {
            return std::nullopt;
        }
        rest_.remove_prefix(1);
        std::string out;
        while (!rest_.empty()) {
            const char next = rest_.front();
            rest_.remove_prefix(1);
            if (next == '"') {
                return out;
            }
            if (next != '\\') {
                out += next;
            } else if (!escape(out)) {
                return std::nullopt;
            }
        }
        return std::nullopt;
    }

    bool escape(std::string& out) {
        if (rest_.empty()) {
            return false;
        }
        const char kind = rest_.front();
        rest_.remove_prefix(1);
        constexpr std::string_view from = "\"\\/bfnrt";
        constexpr std::string_view to = "\"\\/\b\f\n\r\t";
        if (const auto at = from.find(kind); at != std::string_view::npos) {
            out += to[at];
            return true;
        }
        auto code = kind == 'u' ? unit() : std::nullopt;
        if (!code) {
            return false;
        }
        if (*code >= 0xd800 && *code < 0xdc00 && rest_.starts_with("\\u")) {
            rest_.remove_prefix(2);
            const auto low = unit();
            if (!low || *low < 0xdc00 || *low > 0xdfff) {
                return false;
            }
            code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
        }
        return put_utf8(out, *code);
    }

    std::optional<std::uint32_t> unit() {
        const auto bytes = rest_.size() < 4 ? std::nullopt : parse_hex(rest_.substr(0, 4));
        if (!bytes || bytes->size() != 2) {
            return std::nullopt;
        }
        rest_.remove_prefix(4);
        return static_cast<std::uint32_t>((*bytes)[0] << 8 | (*bytes)[1]);
    }

    static bool put_utf8(std::string& out, std::uint32_t code) {
        const auto tail = [&](int shift) {
            out += static_cast<char>(0x80 | (code >> shift & 0x3f));
        };
        if (code < 0x80) {
            out += static_cast<char>(code);
        } else if (code < 0x800) {
            out += static_cast<char>(0xc0 | code >> 6);
            tail(0);
        } else if (code < 0x10000) {
            if (code >= 0xd800 && code < 0xe000) {
                return false;
            }
            out += static_cast<char>(0xe0 | code >> 12);
            tail(6);
            tail(0);
        } else {
            out += static_cast<char>(0xf0 | code >> 18);
            tail(12);
            tail(6);
            tail(0);
        }
        return true;
    }

    std::string_view rest_;
};

inline std::optional<Value> parse(std::string_view text) { return Reader(text).document(); }

inline std::string quote(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char next : text) {
        const auto byte = static_cast<std::uint8_t>(next);
        if (next == '"' || next == '\\') {
            out += '\\';
            out += next;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += next;
        }
    }
    return out + '"';
}

}  // namespace wavs::json
