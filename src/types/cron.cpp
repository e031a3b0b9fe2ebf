// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/cron.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace wavs::types {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

struct Name {
    std::string_view text;
    std::size_t value;
};

constexpr std::array<Name, 23> kMonthNames = {{
    {"jan", 1},       {"january", 1},   {"feb", 2},       {"february", 2}, {"mar", 3},
    {"march", 3},     {"apr", 4},       {"april", 4},     {"may", 5},      {"jun", 6},
    {"june", 6},      {"jul", 7},       {"july", 7},      {"aug", 8},      {"august", 8},
    {"sep", 9},       {"september", 9}, {"oct", 10},      {"october", 10}, {"nov", 11},
    {"november", 11}, {"dec", 12},      {"december", 12},
}};
constexpr std::array<Name, 16> kDayNames = {{
    {"sun", 1},
    {"sunday", 1},
    {"mon", 2},
    {"monday", 2},
    {"tue", 3},
    {"tues", 3},
    {"tuesday", 3},
    {"wed", 4},
    {"wednesday", 4},
    {"thu", 5},
    {"thurs", 5},
    {"thursday", 5},
    {"fri", 6},
    {"friday", 6},
    {"sat", 7},
    {"saturday", 7},
}};

enum class Question { Refused, Allowed };

struct Field {
    std::string_view name;
    std::size_t min;
    std::size_t max;
    std::span<const Name> names;
    Question question;
};

constexpr std::array<Field, 7> kFields = {{
    {"seconds", 0, 59, {}, Question::Refused},
    {"minutes", 0, 59, {}, Question::Refused},
    {"hours", 0, 23, {}, Question::Refused},
    {"days of month", 1, 31, {}, Question::Allowed},
    {"months", 1, 12, kMonthNames, Question::Refused},
    {"days of week", 1, 7, kDayNames, Question::Allowed},
    {"years", CronSchedule::kFirstYear, CronSchedule::kLastYear, {}, Question::Refused},
}};

struct Shorthand {
    std::string_view name;
    std::string_view meaning;
};
constexpr std::array<Shorthand, 5> kShorthands = {{
    {"@yearly", "0 0 0 1 1 *"},
    {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 1"},
    {"@daily", "0 0 0 * * *"},
    {"@hourly", "0 0 * * * *"},
}};

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_letter(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// Blanks may stand around every number, name and sign; none are needed between fields.
class CronParser {
public:
    explicit CronParser(std::string_view text) : text_(text) {}

    Result<CronSchedule> run();

private:
    struct Item {
        std::size_t first;
        std::size_t last;
        bool single;
        bool named;
    };

    template <std::size_t N>
    Result<void> field(const Field& field, std::bitset<N>& out, std::size_t offset);
    Result<Item> item(const Field& field);
    Result<Item> numbers(const Field& field);
    Result<Item> names(const Field& field);
    Result<std::size_t> number(const Field& field, std::size_t min);
    Result<std::size_t> name(const Field& field);
    bool accept(char c);
    void skip_blanks();
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    Error fail(std::size_t position, std::string reason) const;

    std::string_view text_;
    std::size_t at_ = 0;
};

Error CronParser::fail(std::size_t position, std::string reason) const {
    return {ErrorKind::Invalid, "cron", fmt::format("{} at column {}", reason, position + 1),
            "write 'second minute hour day-of-month month day-of-week [year]'"};
}

void CronParser::skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) {
        ++at_;
    }
}

bool CronParser::accept(char c) {
    skip_blanks();
    const bool found = peek() == c;
    at_ += found ? 1 : 0;
    return found;
}

Result<std::size_t> CronParser::number(const Field& field, std::size_t min) {
    skip_blanks();
    const std::size_t begin = at_;
    constexpr std::size_t kEnough = 1'000'000;
    std::size_t value = 0;
    while (is_digit(peek())) {
        value = std::min(value * 10 + static_cast<std::size_t>(peek() - '0'), kEnough);
        ++at_;
    }
    if (at_ == begin) {
        return fail(begin, fmt::format("{}: a number is expected", field.name));
    }
    if (value < min || value > field.max) {
        return fail(begin, fmt::format("{}: {} is not between {} and {}", field.name,
                                       text_.substr(begin, at_ - begin), min, field.max));
    }
    return value;
}

Result<std::size_t> CronParser::name(const Field& field) {
    skip_blanks();
    const std::size_t begin = at_;
    std::string lower;
    while (is_letter(peek())) {
        lower.push_back(to_lower(peek()));
        ++at_;
    }
    for (const Name& known : field.names) {
        if (known.text == lower) {
            return known.value;
        }
    }
    return fail(begin, fmt::format("{}: '{}' is not a name of one", field.name,
                                   text_.substr(begin, at_ - begin)));
}

Result<CronParser::Item> CronParser::numbers(const Field& field) {
    const std::size_t begin = at_;
    WAVS_TRY(const auto first, number(field, field.min));
    if (!accept('-')) {
        return Item{first, first, true, false};
    }
    WAVS_TRY(const auto last, number(field, field.min));
    if (first > last) {
        return fail(begin, fmt::format("{}: the range {}-{} ends before it starts", field.name,
                                       first, last));
    }
    return Item{first, last, false, false};
}

Result<CronParser::Item> CronParser::names(const Field& field) {
    const std::size_t begin = at_;
    WAVS_TRY(const auto first, name(field));
    if (!accept('-')) {
        return Item{first, first, true, true};
    }
    WAVS_TRY(const auto last, name(field));
    if (first > last) {
        return fail(begin, fmt::format("{}: the range '{}' ends before it starts", field.name,
                                       text_.substr(begin, at_ - begin)));
    }
    return Item{first, last, false, true};
}

Result<CronParser::Item> CronParser::item(const Field& field) {
    skip_blanks();
    const Item all{field.min, field.max, false, false};
    if (accept('*')) {
        return all;
    }
    if (field.question == Question::Allowed && accept('?')) {
        return all;
    }
    if (is_letter(peek())) {
        return names(field);
    }
    if (!is_digit(peek())) {
        return at_ == text_.size()
                   ? fail(at_,
                          fmt::format("6 or 7 fields are expected, {} are missing", field.name))
                   : fail(at_, fmt::format("{}: unexpected '{}'", field.name, peek()));
    }
    return numbers(field);
}

template <std::size_t N>
Result<void> CronParser::field(const Field& field, std::bitset<N>& out, std::size_t offset) {
    do {
        WAVS_TRY(auto values, item(field));
        std::size_t step = 1;
        const bool may_step = !(values.single && values.named);
        if (may_step && accept('/')) {
            WAVS_TRY(step, number(Field{field.name, 1, field.max, {}, field.question}, 1));
            values.last = values.single ? field.max : values.last;
        }
        for (std::size_t value = values.first; value <= values.last; value += step) {
            out.set(value - offset);
        }
    } while (accept(','));
    return base::ok();
}

Result<CronSchedule> CronParser::run() {
    CronSchedule out;
    WAVS_TRY(field(kFields[0], out.seconds, 0));
    WAVS_TRY(field(kFields[1], out.minutes, 0));
    WAVS_TRY(field(kFields[2], out.hours, 0));
    WAVS_TRY(field(kFields[3], out.days_of_month, 0));
    WAVS_TRY(field(kFields[4], out.months, 0));
    WAVS_TRY(field(kFields[5], out.days_of_week, 0));
    skip_blanks();
    if (at_ == text_.size()) {
        out.years.set();
        return out;
    }
    WAVS_TRY(field(kFields[6], out.years, CronSchedule::kFirstYear));
    skip_blanks();
    if (at_ != text_.size()) {
        return fail(at_, "nothing may follow the years");
    }
    return out;
}

}  // namespace

Result<CronSchedule> CronSchedule::parse(std::string_view text) {
    const std::string_view name = trimmed(text);
    if (!name.starts_with('@')) {
        return CronParser(text).run();
    }
    for (const Shorthand& shorthand : kShorthands) {
        if (shorthand.name == name) {
            return CronParser(shorthand.meaning).run();
        }
    }
    return Error(ErrorKind::Invalid, "cron", fmt::format("unknown shorthand '{}'", name),
                 "use @yearly, @monthly, @weekly, @daily or @hourly");
}

}  // namespace wavs::types
