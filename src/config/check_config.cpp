// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"
#include "checks.hpp"
#include "field.hpp"
#include "wavs/types/records.hpp"

#include <algorithm>

namespace wavs::config {
namespace {

Origin origin_of(const Table& table, std::string_view key) {
    const Value* const value = find(table, key);
    return value == nullptr ? Origin{} : value->origin;
}

void expand_home(std::filesystem::path& path, const Inputs& inputs) {
    const std::string text = path.string();
    if (inputs.home.has_value() && (text == "~" || text.starts_with("~/"))) {
        path = text == "~" ? *inputs.home : *inputs.home / text.substr(2);
    }
}

enum class Keys { MnemonicOnly, MnemonicOrRaw };

struct SecretKeyCheck {
    std::string_view key;
    Keys keys;
    std::string_view raw_remedy;
};

void check_credential(const std::optional<SecretString>& secret, const SecretKeyCheck& check,
                      const Table& table, const Inputs& inputs, Report& report) {
    if (!secret.has_value()) {
        return;
    }
    const Origin origin = origin_of(table, check.key);
    if (trim(secret->reveal()).empty()) {
        report.error(origin, check.key, "is empty", "remove it or give it a value");
    } else if (check.keys == Keys::MnemonicOnly && secret->reveal().starts_with("0x")) {
        report.error(origin, check.key, "a private key cannot be used here", check.raw_remedy);
    } else if (inputs.check_credential) {
        const auto result = inputs.check_credential(secret->reveal());
        if (!result.has_value()) {
            report.error(origin, check.key, result.error().message(), result.error().remedy());
        }
    }
}

void check_token(const std::optional<SecretString>& token, const Table& table, Report& report) {
    if (!token.has_value()) {
        return;
    }
    const auto text = token->reveal();
    const Origin origin = origin_of(table, "bearer_token");
    if (trim(text).empty()) {
        report.error(origin, "bearer_token", "is empty, so no request could ever carry it",
                     "remove it or give it a value");
    } else if (trim(text) != text || std::any_of(text.begin(), text.end(),
                                                 [](char c) { return c < 0x20 || c == 0x7f; })) {
        report.error(origin, "bearer_token",
                     "has blanks at an end or a control character, so no request could carry it",
                     "use letters and digits");
    }
}

void check_exposure(const Config& config, const Table& table, Report& report) {
    if (is_loopback(config.host) || config.bearer_token.has_value()) {
        return;
    }
    const Origin origin = origin_of(table, "host");
    if (config.dev_endpoints_enabled) {
        report.error(origin, "host",
                     "would offer the development endpoints to other machines without a token",
                     "set bearer_token, or host = \"127.0.0.1\", or dev_endpoints_enabled = false");
    } else {
        report.warn(origin, "host",
                    "other machines can read from this node, and none can change it",
                    "set bearer_token to allow changes from other machines");
    }
}

void check_origins(const Config& config, const Table& table, Report& report) {
    for (const std::string& pattern : config.cors_allowed_origins) {
        if (has_path(pattern)) {
            report.warn(
                origin_of(table, "cors_allowed_origins"), "cors_allowed_origins",
                fmt::format("{} has a path, so it never matches an origin", in_quotes(pattern)),
                "write scheme://host:port");
        }
    }
}

void check_times(const Config& config, const Table& table, Report& report) {
    if (config.storage.event_retention < config.aggregator.burned_queue_ttl) {
        report.error(
            origin_of(table, "storage.event_retention"), "storage.event_retention",
            "shorter than aggregator.burned_queue_ttl_secs, so a posted result could be "
            "posted again",
            fmt::format("use at least {} seconds", config.aggregator.burned_queue_ttl.count()));
    }
    if (config.storage.ledger_retention < types::kLedgerLeastRetention) {
        report.error(origin_of(table, "storage.ledger_retention"), "storage.ledger_retention",
                     "shorter than 90 days, so two results could be signed for one event",
                     "use \"90d\" or more");
    }
}

void check_bindings(const Config& config, const Table& table, Report& report) {
    for (const auto& [variable, services] : config.env_bindings) {
        if (!variable.starts_with("WAVS_ENV")) {
            report.error(
                origin_of(table, "env_bindings"), "env_bindings",
                fmt::format("{} is no variable that components can see", in_quotes(variable)),
                "its name must start with WAVS_ENV");
        }
    }
}

void check_signing(const Config& config, const Table& table, const Inputs& inputs, Report& report) {
    if (!config.signing_mnemonic.has_value()) {
        // A key that was there and could not be read has been reported already.
        if (find(table, "signing_mnemonic") == nullptr &&
            find(table, "signing_mnemonic_file") == nullptr) {
            report.error({}, "signing_mnemonic", "missing signing mnemonic",
                         "set WAVS_SIGNING_MNEMONIC, signing_mnemonic or signing_mnemonic_file");
        }
        return;
    }
    check_credential(config.signing_mnemonic,
                     {.key = "signing_mnemonic",
                      .keys = Keys::MnemonicOnly,
                      .raw_remedy = "write an English BIP-39 phrase: each service has its own key"},
                     table, inputs, report);
}

}  // namespace

void check_node(Config& config, const Table& table, const Inputs& inputs, Report& report) {
    expand_home(config.data, inputs);
    check_signing(config, table, inputs, report);
    check_credential(
        config.aggregator_evm_credential,
        {.key = "aggregator_evm_credential", .keys = Keys::MnemonicOrRaw, .raw_remedy = {}}, table,
        inputs, report);
    check_credential(config.aggregator_cosmos_credential,
                     {.key = "aggregator_cosmos_credential",
                      .keys = Keys::MnemonicOnly,
                      .raw_remedy = "write an English BIP-39 phrase"},
                     table, inputs, report);
    check_token(config.bearer_token, table, report);
    check_exposure(config, table, report);
    check_origins(config, table, report);
    check_times(config, table, report);
    check_bindings(config, table, report);
    if (config.hyperswarm_bootstrap.has_value() && !is_ip_and_port(*config.hyperswarm_bootstrap)) {
        report.warn(origin_of(table, "hyperswarm_bootstrap"), "hyperswarm_bootstrap",
                    "not ip:port, so the public nodes are used");
        config.hyperswarm_bootstrap.reset();
    }
}

void check_cli(CliConfig& config, const Table& table, const Inputs& inputs, Report& report) {
    expand_home(config.data, inputs);
    check_token(config.bearer_token, table, report);
    check_credential(config.evm_credential,
                     {.key = "evm_credential", .keys = Keys::MnemonicOrRaw, .raw_remedy = {}},
                     table, inputs, report);
    check_credential(config.cosmos_mnemonic,
                     {.key = "cosmos_mnemonic",
                      .keys = Keys::MnemonicOnly,
                      .raw_remedy = "write an English BIP-39 phrase"},
                     table, inputs, report);
}

void read_secret_files(const Program& program, Table& table, const Inputs& inputs, Report& report) {
    for (const KeyInfo& key : program.keys) {
        const auto file_key = std::string(key.name) + "_file";
        const auto found = key.secret ? table.find(file_key) : table.end();
        if (found == table.end()) {
            continue;
        }
        const Origin origin = found->second.origin;
        auto path = Codec<std::filesystem::path>::read(found->second);
        if (!path.has_value()) {
            report.error(origin, file_key, path.error().message(), "write the path of a file");
            continue;
        }
        expand_home(path.value(), inputs);
        path = inputs.cwd / path.value();
        auto content = inputs.read_file(path.value());
        if (!content.has_value() || !content.value().has_value()) {
            report.error(origin, file_key,
                         content.has_value()
                             ? fmt::format("there is no file {}", path.value().string())
                             : content.error().message(),
                         "write the path of a file this user can read");
            continue;
        }
        std::string& text = *content.value();
        // A typed value is taken as it is; only the line's end does not belong to the secret.
        Value secret{.data = std::string(trim(text)),
                     .origin = {.layer = origin.layer,
                                .text = fmt::format("{} ({})", origin.text, file_key)},
                     .typed = true};
        wipe(text);
        table.insert_or_assign(std::string(key.name), std::move(secret));
    }
}

}  // namespace wavs::config
