// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codec.hpp"
#include "report.hpp"

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::config {

enum class Effect {
    Now,
    /// Read and checked, used by a part of the node that does not exist yet: setting it warns.
    Later,
};

struct Traits {
    bool required = false;
    Effect effect = Effect::Now;
    /// Name in older environment files: read with a warning.
    std::string_view old_name = {};
};

/// One row of a table: everything that is known of a key. The readers of all sources, the
/// documentation, `--help` and `--print-config` come from it.
template <typename Target>
struct Field {
    /// With dots between groups.
    std::string_view name;
    std::string_view doc;
    std::string type;
    Traits traits;
    bool secret = false;
    bool boolean = false;
    std::function<base::Result<void>(Target&, const Value&)> read = {};
    /// In TOML syntax, secrets redacted, "none" when unset.
    std::function<std::string(const Target&)> show = {};
};

template <typename Class, typename Member>
auto path(Member Class::* member) {
    return [member](auto& target) -> auto& { return target.*member; };
}
template <typename Outer, typename Group, typename Inner, typename Member>
auto path(Group Outer::* outer, Member Inner::* inner) {
    return [outer, inner](auto& target) -> auto& { return (target.*outer).*inner; };
}

/// Looks at a value that was read, and may bring it into its usual form.
template <typename T>
using Check = std::function<base::Result<void>(T&)>;

inline base::Error bad_value(std::string message, std::string remedy = {}) {
    return base::Error(base::ErrorKind::Invalid, "config_value", std::move(message),
                       std::move(remedy));
}

/// `access` gives the member of a target, const or not.
template <typename Target, typename Access>
Field<Target> field(
    std::string_view name, Access access, std::string_view doc, Traits traits = {},
    std::type_identity_t<Check<std::remove_reference_t<decltype(access(std::declval<Target&>()))>>>
        check = {}) {
    using T = std::remove_reference_t<decltype(access(std::declval<Target&>()))>;
    Field<Target> out{.name = name, .doc = doc, .type = Codec<T>::name(), .traits = traits};
    out.secret = std::same_as<T, std::optional<SecretString>>;
    out.boolean = std::same_as<T, bool>;
    out.read = [access, check](Target& target, const Value& value) -> base::Result<void> {
        WAVS_TRY(auto read, Codec<T>::read(value));
        if (check) {
            WAVS_TRY(check(read));
        }
        access(target) = std::move(read);
        return base::ok();
    };
    out.show = [access](const Target& target) { return Codec<T>::show(access(target)); };
    return out;
}

template <typename Target>
using Fields = std::vector<Field<Target>>;

const Fields<Config>& node_fields();
const Fields<CliConfig>& cli_fields();
const Fields<types::EvmChainConfig>& evm_chain_fields();
const Fields<types::CosmosChainConfig>& cosmos_chain_fields();
const Fields<P2pLocal>& p2p_local_fields();
const Fields<P2pRemote>& p2p_remote_fields();

/// Names of the reference node that do nothing here, with the reason.
struct Obsolete {
    std::string_view name;
    std::string_view why;
    /// Whether it exists as a flag too, which then takes a value.
    bool flag = false;
};
const std::vector<Obsolete>& obsolete_node_keys();
const std::vector<Obsolete>& obsolete_chain_keys();

/// The value at a dotted name, or null.
const Value* find(const Table& table, std::string_view name);

/// A name of `known` that was probably meant, or empty.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known);

/// Whether a value, as shown, switches its feature off: then nothing is missing when the feature
/// is.
bool asks_for_nothing(std::string_view shown);

/// Reads what is there of `fields` into `target`; `prefix` ("chains.evm.1.") only stands in texts.
template <typename Target>
void read_fields(const Fields<Target>& fields, Target& target, const Table& table,
                 std::string_view prefix, const Origin& table_origin, Report& report) {
    for (const Field<Target>& entry : fields) {
        const Value* const value = find(table, entry.name);
        const std::string key = fmt::format("{}{}", prefix, entry.name);
        if (value == nullptr) {
            if (entry.traits.required) {
                report.error(table_origin, key, "missing",
                             fmt::format("add {} = <{}>", entry.name, entry.type));
            }
            continue;
        }
        const std::string initial = entry.traits.required ? "" : entry.show(Target{});
        const auto read = entry.read(target, *value);
        if (!read.has_value()) {
            const auto& error = read.error();
            report.error(value->origin, key, error.message(),
                         !error.remedy().empty() ? error.remedy()
                         : initial.empty()       ? "see docs/config.md"
                                                 : fmt::format("the default is {}", initial));
        } else if (entry.traits.effect == Effect::Later && !asks_for_nothing(entry.show(target))) {
            report.warn(value->origin, key, "has no effect in this version");
        }
    }
}

}  // namespace wavs::config
