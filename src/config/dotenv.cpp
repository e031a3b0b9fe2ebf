// SPDX-License-Identifier: Apache-2.0
#include "layers.hpp"

#include <optional>

namespace wavs::config {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '.'; }

/// KEY=value lines with quotes, escapes, comments and substitution. Errors name file and line only:
/// what stands there may be a secret.
class DotenvReader {
public:
    DotenvReader(std::string_view text, std::map<std::string, std::string>& environment)
        : text_(text), environment_(environment) {}

    /// The number of the first line that cannot be read, or none.
    std::optional<std::size_t> read() {
        while (at_ < text_.size()) {
            const std::size_t line = line_;
            if (!read_entry()) {
                return line;
            }
        }
        return std::nullopt;
    }

private:
    bool done() const { return at_ >= text_.size(); }
    char peek() const { return done() ? '\n' : text_[at_]; }
    char take() {
        const char c = peek();
        ++at_;
        line_ += c == '\n' ? 1 : 0;
        return c;
    }
    void skip_blanks() {
        while (!done() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) {
            take();
        }
    }
    void skip_line() {
        while (!done() && peek() != '\n') {
            take();
        }
        if (!done()) {
            take();
        }
    }

    std::string take_name() {
        std::string name;
        while (!done() && is_name_char(peek())) {
            name.push_back(take());
        }
        return name;
    }

    bool read_entry() {
        skip_blanks();
        if (peek() == '\n' || peek() == '#') {
            skip_line();
            return true;
        }
        std::string name = take_name();
        skip_blanks();
        if (name == "export" && is_name_start(peek())) {
            name = take_name();
            skip_blanks();
        }
        if (name.empty() || !is_name_start(name.front()) || take() != '=') {
            return false;
        }
        skip_blanks();
        auto value = take_value();
        if (!value.has_value()) {
            return false;
        }
        environment_.try_emplace(std::move(name), std::move(*value));
        return true;
    }

    /// Quoted and unquoted pieces may follow each other, as in a shell.
    std::optional<std::string> take_value() {
        std::string out;
        std::size_t keep = 0;
        while (!done() && peek() != '\n') {
            const char c = peek();
            if (c == '\'' || c == '"') {
                if (!(c == '\'' ? take_single(out) : take_double(out))) {
                    return std::nullopt;
                }
                keep = out.size();
                continue;
            }
            if (c == '#' && (out.empty() || out.back() == ' ' || out.back() == '\t')) {
                break;
            }
            take_plain(out);
            const bool blank = out.size() > keep &&
                               (out.back() == ' ' || out.back() == '\t' || out.back() == '\r');
            keep = blank ? keep : out.size();
        }
        skip_line();
        out.resize(keep);
        return out;
    }

    void take_plain(std::string& out) {
        const char c = take();
        if (c == '$') {
            substitute(out);
        } else if (c == '\\' && !done() && peek() != '\n') {
            out.push_back(take());
        } else {
            out.push_back(c);
        }
    }

    bool take_single(std::string& out) {
        take();
        while (!done()) {
            const char c = take();
            if (c == '\'') {
                return true;
            }
            out.push_back(c);
        }
        return false;
    }

    bool take_double(std::string& out) {
        take();
        while (!done()) {
            const char c = take();
            if (c == '"') {
                return true;
            }
            if (c == '$') {
                substitute(out);
            } else if (c == '\\') {
                if (done()) {
                    return false;
                }
                const char escaped = take();
                out.push_back(escaped == 'n'   ? '\n'
                              : escaped == 't' ? '\t'
                              : escaped == 'r' ? '\r'
                                               : escaped);
            } else {
                out.push_back(c);
            }
        }
        return false;
    }

    /// After a '$': `NAME` or `{NAME}`; unset is empty, anything else stays as written.
    void substitute(std::string& out) {
        const std::size_t start = at_;
        const bool braces = peek() == '{';
        at_ += braces ? 1 : 0;
        const std::string name = is_name_start(peek()) ? take_name() : std::string{};
        if (name.empty() || (braces && peek() != '}')) {
            at_ = start;
            out.push_back('$');
            return;
        }
        at_ += braces ? 1 : 0;
        const auto found = environment_.find(name);
        if (found != environment_.end()) {
            out += found->second;
        }
    }

    std::string_view text_;
    std::map<std::string, std::string>& environment_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

}  // namespace

void load_dotenv(std::string_view text, const std::string& name,
                 std::map<std::string, std::string>& environment, Report& report) {
    const auto bad_line = DotenvReader(text, environment).read();
    if (bad_line.has_value()) {
        report.error({.layer = Layer::Environment, .text = fmt::format("{}:{}", name, *bad_line)},
                     "", "not a line of an environment file", "write NAME=value");
    }
}

}  // namespace wavs::config
