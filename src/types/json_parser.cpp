// SPDX-License-Identifier: Apache-2.0
#include "json_document.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <limits>

namespace wavs::types::json {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

constexpr std::string_view kEof = "EOF while parsing a value";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

/// Fills a Document. `open_` holds the containers around the current place, so that no depth of
/// nesting costs stack.
class Parser {
public:
    Parser(std::string_view text, Comments comments)
        : comments_(comments), doc_(new Document::Impl) {
        doc_->text = text;
        doc_->nodes.reserve(text.size() / 8 + 8);
    }

    Result<Document> run() {
        WAVS_TRY(parse_all());
        return Document(std::move(doc_));
    }

private:
    Result<void> parse_all();
    Result<void> parse_value();
    Result<void> enter_container();
    Result<void> parse_scalar();
    Result<void> after_value();
    Result<void> next_in_container(char close, char c);
    Result<void> parse_name();
    Result<void> parse_word(std::string_view word, Kind kind);
    Result<void> parse_number();
    Result<void> digits();
    Result<void> parse_string();
    Result<void> parse_escape(std::string& out);
    Result<char32_t> parse_unicode_escape();
    Result<char32_t> four_hex_digits();
    Result<void> skip_blanks();
    Result<void> skip_comment();

    void begin_container(Kind kind);
    void end_container();
    Error fail(std::string_view reason) const;
    std::string path() const;

    bool at_end() const { return at_ >= doc_->text.size(); }
    char peek() const { return at_end() ? '\0' : doc_->text[at_]; }
    std::uint32_t here() const { return static_cast<std::uint32_t>(at_); }
    void add(std::size_t begin, Kind kind) {
        doc_->nodes.push_back({static_cast<std::uint32_t>(begin), here(), 0, kind, false});
    }

    Comments comments_;
    std::unique_ptr<Document::Impl> doc_;
    std::size_t at_ = 0;
    std::vector<std::uint32_t> open_;
    bool expect_value_ = true;
    /// Inside a value that is not a container.
    bool in_value_ = false;
};

/// The path of the place where reading stopped.
std::string Parser::path() const {
    std::string out;
    for (std::size_t level = 0; level < open_.size(); ++level) {
        const bool last = level + 1 == open_.size();
        if (last && !in_value_) {
            break;
        }
        const auto next = static_cast<std::uint32_t>(last ? doc_->nodes.size() : open_[level + 1]);
        if (doc_->nodes[open_[level]].kind == Kind::Object) {
            append_name(out, doc_->string_at(next - 1));
            continue;
        }
        std::size_t index = 0;
        for (std::uint32_t at = open_[level] + 1; at < next; at = doc_->child_end(at)) {
            ++index;
        }
        append_index(out, index);
    }
    return out;
}

Error Parser::fail(std::string_view reason) const {
    return located_error(doc_->text, std::min(at_, doc_->text.size()), path(), ErrorKind::Invalid,
                         "json_syntax", reason);
}

Result<void> Parser::parse_all() {
    if (doc_->text.size() >= std::numeric_limits<std::uint32_t>::max()) {
        return Error(ErrorKind::TooLarge, "json_too_large", "JSON text of 4 GiB or more");
    }
    do {
        WAVS_TRY(skip_blanks());
        if (expect_value_) {
            WAVS_TRY(parse_value());
        } else {
            WAVS_TRY(after_value());
        }
    } while (expect_value_ || !open_.empty());
    WAVS_TRY(skip_blanks());
    if (!at_end()) {
        ++at_;
        return fail("trailing characters");
    }
    return base::ok();
}

Result<void> Parser::parse_value() {
    expect_value_ = false;
    if (peek() == '{' || peek() == '[') {
        return enter_container();
    }
    in_value_ = true;
    WAVS_TRY(parse_scalar());
    in_value_ = false;
    return base::ok();
}

Result<void> Parser::enter_container() {
    const bool object = peek() == '{';
    begin_container(object ? Kind::Object : Kind::Array);
    WAVS_TRY(skip_blanks());
    if (peek() == (object ? '}' : ']')) {
        return after_value();
    }
    if (object) {
        return parse_name();
    }
    expect_value_ = true;
    return base::ok();
}

Result<void> Parser::parse_scalar() {
    const char c = peek();
    switch (c) {
        case '"':
            return parse_string();
        case 'n':
            return parse_word("null", Kind::Null);
        case 't':
            return parse_word("true", Kind::Bool);
        case 'f':
            return parse_word("false", Kind::Bool);
        default:
            break;
    }
    if (is_digit(c) || c == '-') {
        return parse_number();
    }
    if (at_end()) {
        return fail(kEof);
    }
    ++at_;
    return fail("expected value");
}

/// Behind a complete value, or behind the opening bracket of an empty container.
Result<void> Parser::after_value() {
    if (open_.empty()) {
        return base::ok();
    }
    const bool object = doc_->nodes[open_.back()].kind == Kind::Object;
    const char c = peek();
    if (c == (object ? '}' : ']')) {
        ++at_;
        end_container();
        return base::ok();
    }
    if (at_end()) {
        return fail(object ? "EOF while parsing an object" : "EOF while parsing a list");
    }
    ++at_;
    if (c != ',') {
        return fail(object ? "expected `,` or `}`" : "expected `,` or `]`");
    }
    WAVS_TRY(skip_blanks());
    return next_in_container(object ? '}' : ']', peek());
}

Result<void> Parser::next_in_container(char close, char c) {
    if (c == close) {
        ++at_;
        return fail("trailing comma");
    }
    if (close == '}') {
        return parse_name();
    }
    expect_value_ = true;
    return base::ok();
}

Result<void> Parser::parse_name() {
    if (at_end()) {
        return fail("EOF while parsing an object");
    }
    if (peek() != '"') {
        ++at_;
        return fail("key must be a string");
    }
    WAVS_TRY(parse_string());
    WAVS_TRY(skip_blanks());
    if (peek() != ':') {
        at_ += at_end() ? 0 : 1;
        return fail(at_end() ? "EOF while parsing an object" : "expected `:`");
    }
    ++at_;
    expect_value_ = true;
    return base::ok();
}

Result<void> Parser::parse_word(std::string_view word, Kind kind) {
    const std::size_t begin = at_;
    for (const char c : word) {
        if (at_end()) {
            return fail(kEof);
        }
        if (doc_->text[at_++] != c) {
            return fail("expected ident");
        }
    }
    add(begin, kind);
    return base::ok();
}

Result<void> Parser::digits() {
    if (!is_digit(peek())) {
        at_ += at_end() ? 0 : 1;
        return fail(at_end() ? kEof : "invalid number");
    }
    while (is_digit(peek())) {
        ++at_;
    }
    return base::ok();
}

Result<void> Parser::parse_number() {
    const std::size_t begin = at_;
    at_ += peek() == '-' ? 1 : 0;
    const bool zero = peek() == '0';
    const std::size_t first = at_;
    WAVS_TRY(digits());
    if (zero && at_ > first + 1) {
        return fail("invalid number");
    }
    if (peek() == '.') {
        ++at_;
        WAVS_TRY(digits());
    }
    if (peek() == 'e' || peek() == 'E') {
        ++at_;
        at_ += peek() == '+' || peek() == '-' ? 1 : 0;
        WAVS_TRY(digits());
    }
    add(begin, Kind::Number);
    return base::ok();
}

Result<void> Parser::parse_string() {
    const std::size_t begin = at_++;
    std::size_t run = at_;
    std::string decoded;
    bool escaped = false;
    for (;;) {
        if (at_end()) {
            return fail("EOF while parsing a string");
        }
        const char c = peek();
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            escaped = true;
            decoded.append(doc_->text.substr(run, at_ - run));
            ++at_;
            WAVS_TRY(parse_escape(decoded));
            run = at_;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            ++at_;
            return fail("control character (\\u0000-\\u001F) found while parsing a string");
        } else {
            const auto point = first_code_point(doc_->text.substr(at_));
            if (!point.has_value()) {
                return fail("invalid unicode code point");
            }
            at_ += point->size;
        }
    }
    std::uint32_t link = 0;
    if (escaped) {
        decoded.append(doc_->text.substr(run, at_ - run));
        link = static_cast<std::uint32_t>(doc_->decoded.size());
        doc_->decoded.push_back(std::move(decoded));
    }
    ++at_;
    doc_->nodes.push_back({static_cast<std::uint32_t>(begin), here(), link, Kind::String, escaped});
    return base::ok();
}

Result<void> Parser::parse_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_end()) {
        return fail("EOF while parsing a string");
    }
    const char c = doc_->text[at_++];
    if (c == 'u') {
        WAVS_TRY(const char32_t value, parse_unicode_escape());
        append_utf8(out, value);
        return base::ok();
    }
    const std::size_t index = kNames.find(c);
    if (index == std::string_view::npos) {
        return fail("invalid escape");
    }
    out.push_back(kMeanings[index]);
    return base::ok();
}

Result<char32_t> Parser::parse_unicode_escape() {
    WAVS_TRY(const char32_t first, four_hex_digits());
    if (first < 0xd800 || first > 0xdfff) {
        return first;
    }
    if (first > 0xdbff) {
        return fail("lone leading surrogate in hex escape");
    }
    if (!doc_->text.substr(at_).starts_with("\\u")) {
        ++at_;
        return fail("unexpected end of hex escape");
    }
    at_ += 2;
    WAVS_TRY(const char32_t second, four_hex_digits());
    if (second < 0xdc00 || second > 0xdfff) {
        return fail("lone leading surrogate in hex escape");
    }
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

Result<char32_t> Parser::four_hex_digits() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        if (at_end()) {
            return fail("EOF while parsing a string");
        }
        const int digit = hex_digit(doc_->text[at_++]);
        if (digit < 0) {
            return fail("invalid escape");
        }
        value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
}

Result<void> Parser::skip_blanks() {
    for (;;) {
        const char c = peek();
        if (!at_end() && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            ++at_;
        } else if (c == '/' && comments_ == Comments::Allow) {
            WAVS_TRY(skip_comment());
        } else {
            return base::ok();
        }
    }
}

Result<void> Parser::skip_comment() {
    const std::string_view rest = doc_->text.substr(at_);
    if (rest.starts_with("//")) {
        const std::size_t end = rest.find('\n');
        at_ += end == std::string_view::npos ? rest.size() : end;
        return base::ok();
    }
    const std::size_t end = rest.starts_with("/*") ? rest.find("*/", 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
        return fail("expected value");
    }
    at_ += end + 2;
    return base::ok();
}

void Parser::begin_container(Kind kind) {
    open_.push_back(static_cast<std::uint32_t>(doc_->nodes.size()));
    doc_->nodes.push_back({here(), 0, 0, kind, false});
    ++at_;
}

void Parser::end_container() {
    Node& node = doc_->nodes[open_.back()];
    node.end = here();
    node.link = static_cast<std::uint32_t>(doc_->nodes.size());
    open_.pop_back();
}

Result<Document> Document::parse(std::string_view text, Comments comments) {
    return Parser(text, comments).run();
}

}  // namespace wavs::types::json
