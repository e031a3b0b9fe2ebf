// SPDX-License-Identifier: Apache-2.0
#include "field.hpp"
#include "layers.hpp"

#include <algorithm>
#include <array>

namespace wavs::config {
namespace {

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return out;
}

std::vector<std::string> split_levels(std::string_view text) {
    std::vector<std::string> parts;
    for (auto cut = text.find("__"); cut != std::string_view::npos; cut = text.find("__")) {
        parts.emplace_back(text.substr(0, cut));
        text.remove_prefix(cut + 2);
    }
    parts.emplace_back(text);
    return parts;
}

bool is_tree(std::string_view first, const Program& program) {
    return first == "chains" || (first == "p2p" && program.has_p2p);
}

/// Variable names are upper case by custom, chain ids are not: an id written in capitals alone
/// means lower case, any other spelling means itself.
std::string chain_id_of(const std::string& written) {
    return written == upper(written) ? lower(written) : written;
}

class EnvironmentReader {
public:
    EnvironmentReader(const Program& program, Report& report) : program_(program), report_(report) {
        for (const KeyInfo& key : program.keys) {
            names_.emplace_back(key.name);
            if (!key.old_name.empty()) {
                names_.emplace_back(key.old_name);
            }
            if (key.secret) {
                names_.push_back(std::string(key.name) + "_file");
            }
        }
        for (const auto name : program.obsolete_flags) {
            names_.emplace_back(name);
        }
    }

    void read(const std::string& variable, const std::string& text) {
        const auto levels = split_levels(std::string_view(variable).substr(program_.prefix.size()));
        const Origin origin{.layer = Layer::Environment, .text = variable};
        const std::string first = lower(levels.front());
        if (is_tree(first, program_)) {
            std::vector<std::string> path = {first};
            for (std::size_t i = 1; i < levels.size(); ++i) {
                path.push_back(i == 2 && first == "chains" ? chain_id_of(levels[i])
                                                           : lower(levels[i]));
            }
            put(path, path.size() < (first == "chains" ? 4U : 3U)
                          ? untyped_value(text, origin)
                          : Value{.data = text, .origin = origin, .typed = false});
            return;
        }
        std::vector<std::string> path;
        std::string name;
        for (const std::string& level : levels) {
            path.push_back(lower(level));
            name += (name.empty() ? "" : ".") + path.back();
        }
        if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
            warn_unknown(origin, name);
            return;
        }
        put(path, {.data = text, .origin = origin, .typed = false});
    }

    Table take() && { return std::move(out_); }

private:
    void warn_unknown(const Origin& origin, const std::string& name) {
        const std::vector<std::string_view> known(names_.begin(), names_.end());
        const auto meant = nearest(name, known);
        report_.warn(origin, "", "unknown variable, ignored",
                     meant.empty()
                         ? "see docs/config.md"
                         : fmt::format("did you mean {}?", variable_name(program_.prefix, meant)));
    }

    void put(const std::vector<std::string>& path, Value value) {
        Table* table = &out_;
        for (std::size_t i = 0; i + 1 < path.size(); ++i) {
            Value& next = (*table)[path[i]];
            if (std::holds_alternative<std::monostate>(next.data)) {
                next = Value{.data = Table{}, .origin = value.origin, .typed = true};
            }
            if (next.table() == nullptr) {
                report_.error(value.origin, "", fmt::format("contradicts {}", next.origin.text),
                              "set one of them");
                return;
            }
            table = next.table();
        }
        Value& slot = (*table)[path.back()];
        if (slot.table() != nullptr && value.table() != nullptr) {
            merge(*slot.table(), std::move(*value.table()));
        } else if (std::holds_alternative<std::monostate>(slot.data)) {
            slot = std::move(value);
        } else {
            report_.error(value.origin, "", fmt::format("contradicts {}", slot.origin.text),
                          "set one of them");
        }
    }

    const Program& program_;
    Report& report_;
    std::vector<std::string> names_;
    Table out_;
};

}  // namespace

std::string variable_name(std::string_view prefix, std::string_view key) {
    std::string out(prefix);
    for (const char c : key) {
        out += c == '.' ? "__" : std::string(1, c);
    }
    return upper(out);
}

bool is_special_variable(std::string_view upper_name) {
    static constexpr std::array<std::string_view, 7> kNames = {"WAVS_HOME",
                                                               "WAVS_DOTENV",
                                                               "WAVS_FAULT",
                                                               "WAVS_REQUIRE_CONFIG",
                                                               "WAVS_CLI_HOME",
                                                               "WAVS_CLI_DOTENV",
                                                               "WAVS_CLI_REQUIRE_CONFIG"};
    return std::find(kNames.begin(), kNames.end(), upper_name) != kNames.end() ||
           upper_name.starts_with("WAVS_ENV");
}

Table environment_layer(const Program& program,
                        const std::map<std::string, std::string>& environment, Report& report) {
    EnvironmentReader reader(program, report);
    for (const auto& [variable, text] : environment) {
        const std::string name = upper(variable);
        const bool for_cli = name.starts_with("WAVS_CLI_");
        if (!name.starts_with(program.prefix) || for_cli != (program.prefix == "WAVS_CLI_") ||
            is_special_variable(name)) {
            continue;
        }
        reader.read(variable, text);
    }
    return std::move(reader).take();
}

}  // namespace wavs::config
