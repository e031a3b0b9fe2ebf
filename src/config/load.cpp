// SPDX-License-Identifier: Apache-2.0
#include "wavs/config/load.hpp"

#include "bind.hpp"
#include "field.hpp"
#include "layers.hpp"

#include <algorithm>

namespace wavs::config {
namespace {

constexpr std::string_view kFileName = "wavs.toml";

template <typename Target>
std::vector<KeyInfo> key_infos(const Fields<Target>& fields) {
    std::vector<KeyInfo> out;
    for (const auto& entry : fields) {
        out.push_back({.name = entry.name,
                       .secret = entry.secret,
                       .boolean = entry.boolean,
                       .old_name = entry.traits.old_name});
    }
    return out;
}

/// Names, and the groups they are in.
template <typename Target>
std::vector<std::string_view> names_and_groups(const Fields<Target>& fields) {
    std::vector<std::string_view> out = {"chains", "p2p"};
    for (const auto& entry : fields) {
        out.push_back(entry.name);
        out.push_back(entry.name.substr(0, entry.name.find('.')));
    }
    return out;
}

Program node_program() {
    Program out{.section = "wavs",
                .prefix = "WAVS_",
                .keys = key_infos(node_fields()),
                .foreign = names_and_groups(cli_fields()),
                .obsolete_flags = {},
                .has_p2p = true,
                .owns_argv = true};
    for (const Obsolete& old : obsolete_node_keys()) {
        if (old.flag) {
            out.obsolete_flags.push_back(old.name);
        }
    }
    return out;
}

Program cli_program() {
    return {.section = "cli",
            .prefix = "WAVS_CLI_",
            .keys = key_infos(cli_fields()),
            .foreign = names_and_groups(node_fields()),
            .obsolete_flags = {},
            .has_p2p = false,
            .owns_argv = false};
}

std::optional<std::string> variable(const std::map<std::string, std::string>& environment,
                                    const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() || found->second.empty() ? std::nullopt
                                                               : std::optional(found->second);
}

/// The steps from inputs to one merged table, the same for both programs.
class Loader {
public:
    Loader(const Program& program, Inputs& inputs, Report& report)
        : program_(program), inputs_(inputs), report_(report) {}

    CommandLine read_command_line() { return parse_command_line(program_, inputs_.argv, report_); }

    /// Everything but the built-in defaults. Sets `file`.
    Table merge_layers(CommandLine line, std::optional<std::filesystem::path>& file) {
        load_dotenv_files(line);
        Table out;
        read_file(line, file, out);
        Table environment = environment_layer(program_, inputs_.environment, report_);
        match_chain_ids(out, environment);
        put_over(out, std::move(environment));
        put_over(out, std::move(line.values));
        read_secret_files(program_, out, inputs_, report_);
        return out;
    }

    /// What components may see a part of: without our own secrets.
    std::map<std::string, std::string> public_environment() {
        auto out = inputs_.environment;
        for (const KeyInfo& key : program_.keys) {
            if (!key.secret) {
                continue;
            }
            for (const std::string_view name : {key.name, key.old_name}) {
                const auto secret = lower(variable_name(program_.prefix, name));
                std::erase_if(out, [&](auto& entry) { return lower(entry.first) == secret; });
            }
        }
        return out;
    }

private:
    std::optional<std::string> read(const std::filesystem::path& path) {
        auto content = inputs_.read_file(path);
        if (!content.has_value()) {
            report_.error({.layer = Layer::Default, .text = path.string()}, "",
                          content.error().message(), "make it readable, or remove it");
            return std::nullopt;
        }
        return std::move(content).value();
    }

    std::filesystem::path absolute(const std::string& text) const {
        if (inputs_.home.has_value() && text.starts_with("~/")) {
            return *inputs_.home / text.substr(2);
        }
        return inputs_.cwd / text;
    }

    void load_dotenv_files(const CommandLine& line) {
        std::vector<std::string> names;
        if (line.dotenv.has_value()) {
            names.push_back(*line.dotenv);
        }
        if (program_.section == "cli") {
            names.push_back(variable(inputs_.environment, "WAVS_CLI_DOTENV").value_or(""));
        }
        names.push_back(variable(inputs_.environment, "WAVS_DOTENV").value_or(""));
        names.emplace_back(".env");
        for (const std::string& name : names) {
            if (name.empty()) {
                continue;
            }
            const auto path = absolute(name).lexically_normal();
            auto text = read(path);
            if (text.has_value()) {
                load_dotenv(*text, path.string(), inputs_.environment, report_);
                wipe(*text);
            } else if (line.dotenv == name) {
                report_.warn({.layer = Layer::CommandLine, .text = "--dotenv"}, "",
                             fmt::format("there is no file {}", path.string()));
            }
        }
    }

    std::vector<std::filesystem::path> folders(const CommandLine& line) const {
        std::vector<std::filesystem::path> out;
        const auto add = [&out](const std::optional<std::string>& base, const auto& make) {
            if (base.has_value()) {
                out.push_back(make(*base));
            }
        };
        const auto self = [this](const std::string& text) { return absolute(text); };
        const auto below = [this](const std::string& text) { return absolute(text) / "wavs"; };
        const auto& environment = inputs_.environment;
        add(line.home, self);
        if (program_.section == "cli" && !line.home.has_value()) {
            add(variable(environment, "WAVS_CLI_HOME"), self);
        }
        add(variable(environment, "WAVS_HOME"), self);
        out.push_back(inputs_.cwd);
        if (inputs_.home.has_value()) {
            out.push_back(*inputs_.home / ".wavs");
        }
        add(variable(environment, "XDG_CONFIG_HOME"), below);
        if (inputs_.home.has_value()) {
            out.push_back(*inputs_.home / ".config" / "wavs");
        }
        out.emplace_back("/etc/wavs");
        return out;
    }

    void read_file(const CommandLine& line, std::optional<std::filesystem::path>& file,
                   Table& out) {
        std::string searched;
        for (const auto& folder : folders(line)) {
            const auto path = (folder / kFileName).lexically_normal();
            auto text = read(path);
            if (!text.has_value()) {
                searched += (searched.empty() ? "" : ", ") + path.parent_path().string();
                continue;
            }
            warn_other_home(line, path);
            file = path;
            auto layers = parse_file(program_, *text, path.string(), report_);
            wipe(*text);
            put_over(out, std::move(layers.shared));
            put_over(out, std::move(layers.program));
            put_over(out, std::move(layers.global));
            return;
        }
        no_file(line, searched);
    }

    void warn_other_home(const CommandLine& line, const std::filesystem::path& path) {
        if (line.home.has_value() &&
            path != (absolute(*line.home) / kFileName).lexically_normal()) {
            report_.warn({.layer = Layer::CommandLine, .text = "--home"}, "",
                         fmt::format("no {} there; {} is used", kFileName, path.string()));
        }
    }

    void no_file(const CommandLine& line, const std::string& searched) {
        const auto wanted =
            variable(inputs_.environment, variable_name(program_.prefix, "require_config"));
        const auto what = fmt::format("no {} in {}", kFileName, searched);
        if (line.require_config || wanted == "true") {
            report_.error({}, "", what, "add it, or leave out --require-config");
        } else if (program_.owns_argv) {
            report_.warn({}, "", what, "going on with environment and defaults");
        }
    }

    /// Puts a layer over the ones below it, with the rules that plain merging does not have.
    void put_over(Table& out, Table layer) {
        for (const KeyInfo& key : program_.keys) {
            rename_old(key, layer);
            if (key.secret) {
                keep_one_form(key, layer, out);
            }
        }
        const auto p2p = layer.find("p2p");
        if (p2p != layer.end()) {
            check_one_network(p2p->second);
            // One of several kinds: a lower layer's kind must not shine through.
            out.erase("p2p");
        }
        merge(out, std::move(layer));
    }

    void rename_old(const KeyInfo& key, Table& layer) {
        const auto old = key.old_name.empty() ? layer.end() : layer.find(std::string(key.old_name));
        if (old == layer.end()) {
            return;
        }
        const bool both = layer.contains(std::string(key.name));
        report_.warn(old->second.origin, key.old_name,
                     both ? "older name, ignored beside the new one" : "older name",
                     fmt::format("use {}", key.name));
        if (!both) {
            layer.emplace(std::string(key.name), std::move(old->second));
        }
        layer.erase(old);
    }

    /// A secret is given as text or as a file; the higher layer's form stands.
    void keep_one_form(const KeyInfo& key, Table& layer, Table& below) {
        const std::string name(key.name);
        const std::string file = name + "_file";
        const auto text_form = layer.find(name);
        const auto file_form = layer.find(file);
        if (text_form != layer.end() && file_form != layer.end()) {
            report_.error(file_form->second.origin, file,
                          fmt::format("{} is set as well", text_form->second.origin.text),
                          "set one of them");
            layer.erase(file_form);
        } else if (text_form != layer.end()) {
            below.erase(file);
        } else if (file_form != layer.end()) {
            below.erase(name);
        }
    }

    void check_one_network(const Value& p2p) {
        const Table* const kinds = p2p.table();
        if (kinds != nullptr && kinds->size() > 1) {
            report_.error(p2p.origin, "p2p", "more than one kind of network",
                          "keep local or remote");
        }
    }

    /// Chain ids in variable names cannot have '-' and are mostly upper case: they mean the chain
    /// of the file that reads the same otherwise.
    static void match_chain_ids(const Table& file, Table& environment) {
        const auto fold = [](std::string_view id) {
            std::string out = lower(id);
            std::replace(out.begin(), out.end(), '-', '_');
            return out;
        };
        const auto chains = environment.find("chains");
        if (chains == environment.end() || chains->second.table() == nullptr) {
            return;
        }
        for (auto& [ns, ids] : *chains->second.table()) {
            const Value* const known = find(file, "chains." + ns);
            if (known == nullptr || known->table() == nullptr || ids.table() == nullptr) {
                continue;
            }
            Table renamed;
            for (auto& [id, value] : *ids.table()) {
                const auto folded = fold(id);
                const auto same =
                    std::find_if(known->table()->begin(), known->table()->end(),
                                 [&](const auto& other) { return fold(other.first) == folded; });
                renamed.emplace(same == known->table()->end() ? id : same->first, std::move(value));
            }
            ids.data = std::move(renamed);
        }
    }

    const Program& program_;
    Inputs& inputs_;
    Report& report_;
};

template <typename Target>
void add_settings(const Fields<Target>& fields, const Target& target, const Table& table,
                  std::string_view prefix, std::vector<Setting>& out) {
    for (const auto& entry : fields) {
        const Value* const value = find(table, entry.name);
        out.push_back({.key = fmt::format("{}{}", prefix, entry.name),
                       .value = entry.show(target),
                       .source = value == nullptr ? "default" : value->origin.text,
                       .in_effect = entry.traits.effect == Effect::Now});
    }
}

void add_chain_settings(const types::ChainConfigs& chains, const Table& table,
                        std::vector<Setting>& out) {
    static const Table empty;
    for (const auto& [key, chain] : chains.all()) {
        const auto name = fmt::format("chains.{}.{}", key.ns(), key.id());
        const Value* const value = find(table, name);
        const Table& own = value == nullptr || value->table() == nullptr ? empty : *value->table();
        const std::size_t first = out.size();
        if (const auto* const evm = chain.evm()) {
            add_settings(evm_chain_fields(), *evm, own, name + ".", out);
        } else {
            add_settings(cosmos_chain_fields(), *chain.cosmos(), own, name + ".", out);
        }
        std::erase_if(out, [&, i = std::size_t{0}](const Setting& setting) mutable {
            return i++ >= first && setting.source == "default";
        });
    }
}

/// Endpoint URLs may carry keys in user, path or query.
void redact_urls(std::vector<Setting>& settings) {
    for (Setting& setting : settings) {
        std::string out;
        std::string_view rest = setting.value;
        while (setting.source != "default" && rest.find("://") != std::string_view::npos) {
            const auto start = rest.rfind('"', rest.find("://"));
            const auto end = rest.find('"', rest.find("://"));
            if (start == std::string_view::npos || end == std::string_view::npos) {
                break;
            }
            out += rest.substr(0, start + 1);
            out += types::redact_url(rest.substr(start + 1, end - start - 1));
            rest = rest.substr(end);
        }
        setting.value = out + std::string(rest);
    }
}

template <typename Target>
void bind_all(const Fields<Target>& fields, Loaded<Target>& out, const Table& table,
              Report& report) {
    read_fields(fields, out.config, table, "", {}, report);
    const auto chains = table.find("chains");
    if (chains != table.end()) {
        bind_chains(chains->second, out.config.chains, report);
    }
    add_settings(fields, out.config, table, "", out.settings);
    add_chain_settings(out.config.chains, table, out.settings);
}

void add_p2p_settings(const P2pConfig& p2p, const Table& table, std::vector<Setting>& out) {
    const Value* const value = find(table, "p2p");
    const std::string source = value == nullptr ? "default" : value->origin.text;
    if (const auto* const local = std::get_if<P2pLocal>(&p2p)) {
        add_settings(p2p_local_fields(), *local, *find(table, "p2p.local")->table(), "p2p.local.",
                     out);
    } else if (const auto* const remote = std::get_if<P2pRemote>(&p2p)) {
        add_settings(p2p_remote_fields(), *remote, *find(table, "p2p.remote")->table(),
                     "p2p.remote.", out);
    } else {
        out.push_back({.key = "p2p", .value = "\"disabled\"", .source = source});
    }
}

template <typename Target>
void finish(Loaded<Target>& out, Loader& loader, Table& table, Report& report) {
    redact_urls(out.settings);
    out.environment = loader.public_environment();
    out.errors = std::move(report.errors);
    out.warnings = std::move(report.warnings);
    wipe(table);
}

}  // namespace

LoadedNode load_node(Inputs inputs) {
    static const Program program = node_program();
    LoadedNode out;
    Report report;
    Loader loader(program, inputs, report);
    CommandLine line = loader.read_command_line();
    out.action = line.action;
    if (line.action == Action::Help || line.action == Action::Version) {
        return out;
    }
    Table table = loader.merge_layers(std::move(line), out.file);
    bind_all(node_fields(), out, table, report);
    const auto p2p = table.find("p2p");
    if (p2p != table.end()) {
        out.config.p2p = bind_p2p(p2p->second, report);
    }
    add_p2p_settings(out.config.p2p, table, out.settings);
    warn_unknown(program, table, report);
    check_node(out.config, table, inputs, report);
    finish(out, loader, table, report);
    return out;
}

LoadedCli load_cli(Inputs inputs) {
    static const Program program = cli_program();
    LoadedCli out;
    Report report;
    Loader loader(program, inputs, report);
    CommandLine line = loader.read_command_line();
    out.action = line.action;
    out.rest = std::move(line.rest);
    Table table = loader.merge_layers(std::move(line), out.file);
    bind_all(cli_fields(), out, table, report);
    warn_unknown(program, table, report);
    check_cli(out.config, table, inputs, report);
    finish(out, loader, table, report);
    return out;
}

}  // namespace wavs::config
