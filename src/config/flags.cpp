// SPDX-License-Identifier: Apache-2.0
#include "layers.hpp"

#include <algorithm>

namespace wavs::config {
namespace {

constexpr std::string_view kFileSuffix = "_file";

/// One flag of the command line and the key it sets; for the rest the switch it is.
struct Flag {
    std::string key;
    bool secret = false;
    bool boolean = false;
};

class FlagReader {
public:
    FlagReader(const Program& program, const std::vector<std::string>& argv, Report& report)
        : program_(program), argv_(argv), report_(report) {
        for (const KeyInfo& key : program.keys) {
            flags_.emplace(flag_name(key.name),
                           Flag{std::string(key.name), key.secret, key.boolean});
            if (key.secret) {
                const auto file = std::string(key.name) += kFileSuffix;
                flags_.emplace(flag_name(file), Flag{file, false, false});
            }
        }
        for (const std::string_view name : program.obsolete_flags) {
            flags_.emplace(flag_name(name), Flag{std::string(name), false, false});
        }
    }

    CommandLine read() {
        while (at_ < argv_.size()) {
            const std::string& argument = argv_[at_++];
            if (argument == "--" && !program_.owns_argv) {
                out_.rest.push_back(argument);
                out_.rest.insert(out_.rest.end(), argv_.begin() + static_cast<std::ptrdiff_t>(at_),
                                 argv_.end());
                break;
            }
            const auto equals = argument.find('=');
            name_ = argument.substr(0, equals);
            inline_value_ = equals == std::string::npos
                                ? std::nullopt
                                : std::optional(argument.substr(equals + 1));
            if (!read_switch(argument) && !read_flag()) {
                pass_on(argument);
            }
        }
        return std::move(out_);
    }

private:
    void usage(std::string_view what, std::string_view remedy) {
        report_.error({.layer = Layer::CommandLine, .text = name_}, "", what, remedy);
    }

    bool read_switch(const std::string& argument) {
        // `wavs-cli` answers help and version itself: they belong to a command there.
        if (program_.owns_argv && (argument == "-h" || argument == "--help")) {
            out_.action = Action::Help;
        } else if (program_.owns_argv && (argument == "-V" || argument == "--version")) {
            out_.action = Action::Version;
        } else if (argument == "--print-config") {
            out_.action = out_.action == Action::Run ? Action::PrintConfig : out_.action;
        } else if (argument == "--require-config") {
            out_.require_config = true;
        } else {
            return false;
        }
        return true;
    }

    bool read_flag() {
        if (name_ == "--home" || name_ == "--dotenv") {
            auto& target = name_ == "--home" ? out_.home : out_.dotenv;
            target = next_value(false);
            return true;
        }
        const auto found = flags_.find(name_);
        if (found == flags_.end()) {
            return false;
        }
        const Flag& flag = found->second;
        const Origin origin{.layer = Layer::CommandLine, .text = name_};
        const auto value = next_value(flag.boolean && !program_.owns_argv);
        if (!value.has_value()) {
            return true;
        }
        if (flag.secret) {
            report_.warn(origin, flag.key, "other users of this machine can see it",
                         fmt::format("use {} or {}", variable_name(program_.prefix, flag.key),
                                     flag_name(flag.key + std::string(kFileSuffix))));
        }
        put(flag.key, *value, origin);
        return true;
    }

    /// `bare_is_true`: the value may be left out when what follows is neither true nor false.
    std::optional<std::string> next_value(bool bare_is_true) {
        if (inline_value_.has_value()) {
            return inline_value_;
        }
        const bool more = at_ < argv_.size();
        if (bare_is_true && (!more || (argv_[at_] != "true" && argv_[at_] != "false"))) {
            return "true";
        }
        if (!more || argv_[at_].starts_with("--")) {
            usage("a value is required", fmt::format("write {} <value>", name_));
            return std::nullopt;
        }
        return argv_[at_++];
    }

    /// A flag given again adds to a list; a key that is no list then reports that it got one.
    void put(const std::string& key, const std::string& text, const Origin& origin) {
        Table* table = &out_.values;
        std::string_view rest = key;
        for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
            Value& group = (*table)[std::string(rest.substr(0, dot))];
            if (group.table() == nullptr) {
                group = Value{.data = Table{}, .origin = origin, .typed = true};
            }
            table = group.table();
            rest = rest.substr(dot + 1);
        }
        Value& slot = (*table)[std::string(rest)];
        Value added{.data = text, .origin = origin, .typed = false};
        if (std::holds_alternative<std::monostate>(slot.data)) {
            slot = std::move(added);
            return;
        }
        if (slot.array() == nullptr) {
            slot = Value{.data = Array{slot}, .origin = origin, .typed = true};
        }
        std::get<Array>(slot.data).push_back(std::move(added));
    }

    void pass_on(const std::string& argument) {
        if (!program_.owns_argv) {
            out_.rest.push_back(argument);
            return;
        }
        // Only the name: what follows '=' may be a secret of a mistyped flag.
        usage(name_.starts_with("-") ? "unknown flag" : "unexpected argument", "see --help");
    }

    const Program& program_;
    const std::vector<std::string>& argv_;
    Report& report_;
    std::map<std::string, Flag, std::less<>> flags_;
    std::size_t at_ = 0;
    std::string name_;
    std::optional<std::string> inline_value_;
    CommandLine out_;
};

}  // namespace

std::string flag_name(std::string_view key) {
    std::string out = "--" + std::string(key);
    std::replace_if(out.begin(), out.end(), [](char c) { return c == '_' || c == '.'; }, '-');
    return out;
}

CommandLine parse_command_line(const Program& program, const std::vector<std::string>& argv,
                               Report& report) {
    return FlagReader(program, argv, report).read();
}

}  // namespace wavs::config
