// SPDX-License-Identifier: Apache-2.0
// Everything for people that comes from the tables: the documentation, `--help`, `--print-config`.
#include "field.hpp"
#include "layers.hpp"
#include "wavs/base/version.hpp"

#include <algorithm>

namespace wavs::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Made from the tables in src/config by a unit test; change them there. -->

## Where values come from

From weakest to strongest: built-in defaults, section `[default]` of `wavs.toml`, the program's section (`[wavs]` for the node, `[cli]` for `wavs-cli`), section `[global]`, environment with `.env` files, command line.
Tables are merged key by key; single values and lists are replaced. `p2p` is one of several kinds, so a higher layer replaces it as a whole, and two kinds in one layer are an error.

All mistakes are reported at once, one per line, each with its place; the process then ends with status 2. Unknown keys and keys without effect are warnings. `wavs --print-config` shows every value with its source, secrets redacted.

## The file

The first `wavs.toml` in: the folder of `--home`; `$WAVS_HOME`; the current folder; `~/.wavs`; `$XDG_CONFIG_HOME/wavs`; `~/.config/wavs`; `/etc/wavs`. Without one the node goes on with environment and defaults and says so; with `--require-config` (or `WAVS_REQUIRE_CONFIG=true`) that is an error.
For `wavs-cli`, `WAVS_CLI_HOME` stands for a missing `--home`.

## The environment

`WAVS_<KEY>` sets a key of the node, `WAVS_CLI_<KEY>` one of `wavs-cli`; levels are joined by two underscores: `WAVS_ENGINE__MAX_RUNS`, `WAVS_CHAINS__EVM__31337__HTTP_ENDPOINT`, `WAVS_P2P__REMOTE__LISTEN_PORT`. Texts are read as the key's type. Lists are separated by commas or written `[a, b]`, tables `{k = v}`. An id in a chain variable means the chain of the file that reads the same when `-` is `_` and case does not matter.

`.env` files: `--dotenv`, `$WAVS_DOTENV` (before it `$WAVS_CLI_DOTENV` for `wavs-cli`), `./.env`; all that exist are read, and nothing that is set already is overwritten. Lines are `NAME=value` with an optional `export`; `#` starts a comment, single quotes keep everything, double quotes know escapes, and `$NAME` and `${NAME}` are replaced outside single quotes.

## Secrets

Each key of type *secret* can be given as a file: `<key>_file` in the file, `WAVS_<KEY>_FILE`, `--<key>-file`. Blanks around the content do not count. A secret on the command line can be seen by other users of the machine, so it warns. Logs, errors, `GET /config` and `--print-config` show `<redacted>`.

## Types

*duration*: seconds, or text with a unit as `"500ms"`, `"2s"`, `"10m"`, `"48h"`, `"7d"`. Integers above 2^63-1 are written as a string in TOML.
)";

constexpr std::string_view kLater = " *(no effect in this version)*";

std::string code(std::string_view text) { return fmt::format("`{}`", text); }

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '|' ? "\\|" : std::string(1, c);
    }
    return out;
}

template <typename Target>
void add_rows(const Fields<Target>& fields, std::string_view group, std::string_view prefix,
              std::string& out) {
    out += "\n| Key | Type | Default | Variable | Flag | Meaning |\n|---|---|---|---|---|---|\n";
    for (const Field<Target>& entry : fields) {
        const auto dot = entry.name.find('.');
        const auto own =
            dot == std::string_view::npos ? std::string_view{} : entry.name.substr(0, dot);
        if (own != group) {
            continue;
        }
        out += fmt::format("| {} | {} | {} | {} | {} | {}{} |\n",
                           code(entry.name.substr(own.empty() ? 0 : dot + 1)), entry.type,
                           code(entry.show(Target{})), code(variable_name(prefix, entry.name)),
                           code(flag_name(entry.name)), escaped(entry.doc),
                           entry.traits.effect == Effect::Later ? kLater : "");
    }
}

template <typename Target>
void add_plain_rows(const Fields<Target>& fields, std::string& out) {
    out += "\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n";
    for (const Field<Target>& entry : fields) {
        out += fmt::format("| {} | {} | {} | {}{} |\n", code(entry.name), entry.type,
                           entry.traits.required ? "required" : code(entry.show(Target{})),
                           escaped(entry.doc), entry.traits.effect == Effect::Later ? kLater : "");
    }
}

void add_groups(std::string& out) {
    struct Group {
        std::string_view name;
        std::string_view about;
    };
    for (const Group& group :
         {Group{"engine", "limits of runs, and what components may reach"},
          Group{"aggregator", "collecting signatures and posting"},
          Group{"http", "the administration interface"},
          Group{"fetch", "fetching manifests and components"}, Group{"storage", "the database"}}) {
        out += fmt::format("\n### `[wavs.{}]`: {}\n", group.name, group.about);
        add_rows(node_fields(), group.name, "WAVS_", out);
    }
}

void add_chains(std::string& out) {
    out +=
        "\n## Chains\n\nA table per chain, mostly in `[default]` so that both programs see it: "
        "`[default.chains.evm.<id>]`, `[default.chains.cosmos.<id>]`, "
        "`[default.chains.dev.<name>]`. A `dev` chain has `type` (`evm` or `cosmos`) and "
        "`chain_id` besides, both required, and its name may differ from its id.\n"
        "\n### EVM\n";
    add_plain_rows(evm_chain_fields(), out);
    out += "\n### Cosmos" + std::string(kLater) + "\n";
    add_plain_rows(cosmos_chain_fields(), out);
    out +=
        "\n## Peer-to-peer network\n\n`p2p = \"disabled\"` (the default; no port is opened), "
        "`[wavs.p2p.local]` (mDNS) or `[wavs.p2p.remote]` (Kademlia). What the nodes say to each "
        "other is in [protocol/07-peers.md](protocol/07-peers.md).\n\n### local\n";
    add_plain_rows(p2p_local_fields(), out);
    out += "\n### remote\n";
    add_plain_rows(p2p_remote_fields(), out);
}

struct HelpLine {
    std::string flag;
    std::string doc;
};

std::string render_help(const std::vector<HelpLine>& lines) {
    std::size_t width = 0;
    for (const HelpLine& line : lines) {
        width = std::max(width, line.flag.size());
    }
    std::string out;
    for (const HelpLine& line : lines) {
        out += fmt::format("  {:<{}}  {}\n", line.flag, width, line.doc);
    }
    return out;
}

/// Documentation is Markdown; a terminal wants it plain.
std::string plain(std::string_view text) {
    std::string out(text);
    std::erase(out, '`');
    return out;
}

template <typename Target>
void add_help(const Fields<Target>& fields, std::vector<HelpLine>& out) {
    for (const Field<Target>& entry : fields) {
        const auto initial = entry.show(Target{});
        auto doc = plain(entry.doc);
        if (initial != "none" && initial != "[]" && initial != "{}") {
            doc += fmt::format(" [default: {}]", initial);
        }
        if (entry.traits.effect == Effect::Later) {
            doc += " (no effect in this version)";
        }
        out.push_back({fmt::format("{} <{}>", flag_name(entry.name), plain(entry.type)), doc});
        if (entry.secret) {
            out.push_back({flag_name(std::string(entry.name) + "_file") + " <path>",
                           "the same, from a file"});
        }
    }
}

std::vector<HelpLine> general_help() {
    return {{"--home <folder>", "where wavs.toml is looked for first"},
            {"--dotenv <file>", "environment file to read first"},
            {"--require-config", "refuse to start without a wavs.toml"},
            {"--print-config", "show every value with its source, and end"}};
}

}  // namespace

std::string render_docs() {
    std::string out(kIntroduction);
    out += "\n## Keys of the node: `[default]` or `[wavs]`\n";
    add_rows(node_fields(), "", "WAVS_", out);
    add_groups(out);
    add_chains(out);
    out += "\n## Keys of `wavs-cli`: `[default]` or `[cli]`\n";
    add_rows(cli_fields(), "", "WAVS_CLI_", out);
    out += "\n## Older names\n\n";
    for (const Field<Config>& entry : node_fields()) {
        if (!entry.traits.old_name.empty()) {
            out +=
                fmt::format("- {}, {}: read as {}, with a warning.\n", code(entry.traits.old_name),
                            code(variable_name("WAVS_", entry.traits.old_name)), code(entry.name));
        }
    }
    for (const Obsolete& old : obsolete_node_keys()) {
        out += fmt::format("- {}: no effect; {}.\n", code(old.name), old.why);
    }
    for (const Obsolete& old : obsolete_chain_keys()) {
        out += fmt::format("- {} of a chain: no effect; {}.\n", code(old.name), old.why);
    }
    return out;
}

std::string node_help() {
    std::vector<HelpLine> lines = general_help();
    lines.push_back({"-h, --help", "this text"});
    lines.push_back({"-V, --version", "the version"});
    add_help(node_fields(), lines);
    return fmt::format(
        "wavs {}: a WAVS operator node\n\nUsage: wavs [flags]\n       wavs ledger export FILE "
        "[SIGNER] [flags]\n       wavs ledger import FILE [flags]\n\n{}\nChains and the "
        "peer-to-peer "
        "network are set in wavs.toml or the environment: docs/config.md.\n",
        base::kVersion, render_help(lines));
}

std::string cli_flags_help() {
    std::vector<HelpLine> lines = general_help();
    add_help(cli_fields(), lines);
    return render_help(lines);
}

std::string print_config(const std::vector<Setting>& settings) {
    std::string out;
    for (const Setting& setting : settings) {
        // Not valid TOML, so an unset key must not look like a value.
        const std::string_view mark = setting.value == "none" ? "# " : "";
        out += fmt::format("{}{} = {}  # {}{}\n", mark, setting.key, setting.value, setting.source,
                           setting.in_effect ? "" : "; no effect in this version");
    }
    return out;
}

}  // namespace wavs::config
