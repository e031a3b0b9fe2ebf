// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"

#include "checks.hpp"
#include "field.hpp"

#include <algorithm>

namespace wavs::config {
namespace {

template <typename Target>
std::vector<std::string_view> names_of(const Fields<Target>& fields) {
    std::vector<std::string_view> names;
    for (const auto& entry : fields) {
        names.push_back(entry.name);
    }
    return names;
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// For tables without groups: chains and peer-to-peer networks.
void warn_unknown_in(const Table& table, std::string_view prefix,
                     const std::vector<std::string_view>& known,
                     const std::vector<Obsolete>& obsolete, Report& report) {
    for (const auto& [key, value] : table) {
        if (contains(known, key)) {
            continue;
        }
        const auto old =
            std::find_if(obsolete.begin(), obsolete.end(),
                         [&name = key](const Obsolete& old_key) { return old_key.name == name; });
        const auto name = fmt::format("{}{}", prefix, key);
        if (old != obsolete.end()) {
            report.warn(value.origin, name, "has no effect", old->why);
            continue;
        }
        const auto meant = nearest(key, known);
        report.warn(value.origin, name, "unknown key, ignored",
                    meant.empty() ? "see docs/config.md" : fmt::format("did you mean {}?", meant));
    }
}

types::EvmChainConfig bind_evm(const Table& table, std::string_view prefix, const Origin& origin,
                               Report& report) {
    types::EvmChainConfig chain;
    read_fields(evm_chain_fields(), chain, table, prefix, origin, report);
    if (chain.ws_priority_endpoint_index.has_value() &&
        *chain.ws_priority_endpoint_index >= chain.ws_endpoints.size()) {
        report.warn(find(table, "ws_priority_endpoint_index")->origin,
                    fmt::format("{}ws_priority_endpoint_index", prefix),
                    "no such entry in ws_endpoints, ignored");
        chain.ws_priority_endpoint_index.reset();
    }
    return chain;
}

types::CosmosChainConfig bind_cosmos(const Table& table, std::string_view prefix,
                                     const Origin& origin, Report& report) {
    types::CosmosChainConfig chain;
    read_fields(cosmos_chain_fields(), chain, table, prefix, origin, report);
    return chain;
}

/// A text member that `dev` chains must have; empty after an error.
std::string dev_text(const Table& table, std::string_view prefix, std::string_view name,
                     const Origin& origin, Report& report) {
    const Value* const value = find(table, name);
    const auto key = fmt::format("{}{}", prefix, name);
    if (value == nullptr) {
        report.error(origin, key, "missing", fmt::format("add {} = \"...\"", name));
        return {};
    }
    auto text = Codec<std::string>::read(*value);
    if (!text.has_value()) {
        report.error(value->origin, key, text.error().message(), "put it into double quotes");
        return {};
    }
    return std::move(text).value();
}

class ChainBinder {
public:
    ChainBinder(types::ChainConfigs& out, Report& report) : out_(out), report_(report) {}

    void bind_one(const std::string& ns, const std::string& id, const Value& value) {
        const auto key = fmt::format("chains.{}.{}", ns, id);
        const Table* const table = value.table();
        const auto parsed = types::ChainKey::parse(fmt::format("{}:{}", ns, id));
        if (table == nullptr || !parsed.has_value()) {
            report_.error(value.origin, key, table == nullptr ? "not a table" : "not a chain id",
                          fmt::format("write [default.chains.{}.<id>]", ns));
            return;
        }
        const auto prefix = key + ".";
        const std::size_t errors = report_.errors.size();
        types::NamedChainConfig named{.chain_id = id, .config = {}};
        std::string kind = ns;
        if (ns == "dev") {
            kind = dev_text(*table, prefix, "type", value.origin, report_);
            named.chain_id = dev_text(*table, prefix, "chain_id", value.origin, report_);
        }
        if (kind == "evm") {
            named.config = bind_evm(*table, prefix, value.origin, report_);
            warn(*table, prefix, ns, names_of(evm_chain_fields()));
        } else if (kind == "cosmos") {
            named.config = bind_cosmos(*table, prefix, value.origin, report_);
            warn(*table, prefix, ns, names_of(cosmos_chain_fields()));
        } else if (!kind.empty()) {
            report_.error(find(*table, "type")->origin, prefix + "type", "unknown kind of chain",
                          "write evm or cosmos");
        }
        if (report_.errors.size() == errors) {
            add(parsed.value(), key, value.origin, std::move(named));
        }
    }

private:
    void warn(const Table& table, std::string_view prefix, std::string_view ns,
              std::vector<std::string_view> known) {
        if (ns == "dev") {
            known.insert(known.end(), {"type", "chain_id"});
        }
        warn_unknown_in(table, prefix, known, obsolete_chain_keys(), report_);
    }

    void add(const types::ChainKey& chain, std::string_view key, const Origin& origin,
             types::NamedChainConfig named) {
        const auto added = out_.add(chain, std::move(named));
        if (!added.has_value()) {
            report_.error(origin, key, added.error().message(), added.error().remedy());
        }
    }

    types::ChainConfigs& out_;
    Report& report_;
};

template <typename Target>
Target bind_network(const Fields<Target>& fields, std::string_view kind, const Value& value,
                    Report& report) {
    Target out;
    const auto prefix = fmt::format("p2p.{}.", kind);
    read_fields(fields, out, *value.table(), prefix, value.origin, report);
    warn_unknown_in(*value.table(), prefix, names_of(fields), {}, report);
    return out;
}

}  // namespace

void bind_chains(const Value& chains, types::ChainConfigs& out, Report& report) {
    const Table* const namespaces = chains.table();
    if (namespaces == nullptr) {
        report.error(chains.origin, "chains", "not a table", "write [default.chains.evm.<id>]");
        return;
    }
    ChainBinder binder(out, report);
    for (const auto& [ns, value] : *namespaces) {
        const auto key = fmt::format("chains.{}", ns);
        const Table* const ids = value.table();
        if (ns != "evm" && ns != "cosmos" && ns != "dev") {
            report.error(value.origin, key, "unknown namespace", "use evm, cosmos or dev");
        } else if (ids == nullptr) {
            report.error(value.origin, key, "not a table",
                         fmt::format("write [default.chains.{}.<id>]", ns));
        } else {
            for (const auto& [id, chain] : *ids) {
                binder.bind_one(ns, id, chain);
            }
        }
    }
}

P2pConfig bind_p2p(const Value& p2p, Report& report) {
    constexpr std::string_view kRemedy =
        "write p2p = \"disabled\", or a table [wavs.p2p.local] or [wavs.p2p.remote]";
    const Table* const table = p2p.table();
    if (table == nullptr || table->size() != 1) {
        const std::string* const text = p2p.text();
        if (text == nullptr || *text != "disabled") {
            report.error(p2p.origin, "p2p", "not a kind of network", kRemedy);
        }
        return std::monostate{};
    }
    const auto& [kind, value] = *table->begin();
    if (kind != "local" && kind != "remote") {
        report.error(value.origin, fmt::format("p2p.{}", kind), "not a kind of network", kRemedy);
        return std::monostate{};
    }
    if (value.table() == nullptr) {
        report.error(value.origin, fmt::format("p2p.{}", kind), "not a table",
                     fmt::format("write [wavs.p2p.{}]", kind));
        return std::monostate{};
    }
    if (kind == "local") {
        return bind_network(p2p_local_fields(), kind, value, report);
    }
    return bind_network(p2p_remote_fields(), kind, value, report);
}

namespace {

class UnknownKeys {
public:
    UnknownKeys(const Program& program, Report& report) : program_(program), report_(report) {
        for (const KeyInfo& key : program.keys) {
            known_.push_back(key.name);
            secret_files_.push_back(key.secret ? std::string(key.name) + "_file" : std::string());
        }
    }

    void walk(const Table& table, const std::string& prefix) {
        for (const auto& [key, value] : table) {
            const std::string name = prefix + key;
            if (is_known(name) || (prefix.empty() && (name == "chains" || name == "p2p"))) {
                continue;
            }
            if (!is_group(name)) {
                report(value.origin, name);
            } else if (value.table() != nullptr) {
                walk(*value.table(), name + ".");
            } else if (!contains(program_.foreign, name)) {
                report_.error(value.origin, name, "not a table",
                              fmt::format("write [{}.{}]", program_.section, name));
            }
        }
    }

private:
    bool is_known(const std::string& name) const {
        return contains(known_, name) ||
               std::find(secret_files_.begin(), secret_files_.end(), name) != secret_files_.end();
    }
    bool is_group(const std::string& name) const {
        const auto prefix = name + ".";
        return std::any_of(known_.begin(), known_.end(),
                           [&](std::string_view key) { return key.starts_with(prefix); });
    }

    void report(const Origin& origin, const std::string& name) {
        for (const Obsolete& old : obsolete_node_keys()) {
            if (old.name == name) {
                report_.warn(origin, name, "has no effect", old.why);
                return;
            }
        }
        const bool shared = origin.layer == Layer::Default || origin.layer == Layer::Global;
        const std::string first = name.substr(0, name.find('.'));
        if (shared && (contains(program_.foreign, name) || contains(program_.foreign, first))) {
            return;
        }
        const auto meant = nearest(name, known_);
        report_.warn(origin, name, "unknown key, ignored",
                     meant.empty() ? "see docs/config.md" : fmt::format("did you mean {}?", meant));
    }

    const Program& program_;
    Report& report_;
    std::vector<std::string_view> known_;
    std::vector<std::string> secret_files_;
};

}  // namespace

void warn_unknown(const Program& program, const Table& table, Report& report) {
    UnknownKeys(program, report).walk(table, "");
}

}  // namespace wavs::config
