// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/node_permissions.hpp"

#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"

namespace wavs::cli {
namespace {

namespace json = types::json;

base::Result<std::vector<std::string>> read_texts(const json::Value& list) {
    std::vector<std::string> out;
    for (const auto& item : list.items()) {
        WAVS_TRY(const auto text, json::read_string(item));
        out.emplace_back(text);
    }
    return out;
}

base::Result<ServicePermissions::More> read_more(const json::Value& value) {
    WAVS_TRY(const auto fields,
             json::Fields::of(value, {"digest", "uri", "in_force", "permissions"}));
    ServicePermissions::More out;
    WAVS_TRY(const auto digest, fields.required("digest"));
    WAVS_TRY(const auto digest_text, json::read_string(digest));
    WAVS_TRY(out.digest, types::parse_service_digest(digest_text));
    WAVS_TRY(const auto uri, fields.required("uri"));
    WAVS_TRY(out.uri, json::read_string(uri));
    WAVS_TRY(const auto in_force, fields.required("in_force"));
    WAVS_TRY(out.in_force, json::read_bool(in_force));
    WAVS_TRY(const auto permissions, fields.required("permissions"));
    WAVS_TRY(out.permissions, read_texts(permissions));
    return out;
}

base::Result<ServicePermissions> read_service(const json::Value& value) {
    WAVS_TRY(const auto fields,
             json::Fields::of(value, {"service_id", "name", "permissions", "asks_for_more"}));
    ServicePermissions out;
    WAVS_TRY(const auto id, fields.required("service_id"));
    WAVS_TRY(out.service, json::read_service_id(id));
    WAVS_TRY(const auto name, fields.required("name"));
    WAVS_TRY(out.name, json::read_string(name));
    WAVS_TRY(const auto permissions, fields.required("permissions"));
    WAVS_TRY(out.permissions, read_texts(permissions));
    if (const auto more = fields.optional("asks_for_more")) {
        WAVS_TRY(out.asks_for_more, read_more(*more));
    }
    return out;
}

}  // namespace

base::Result<std::vector<ServicePermissions>> read_permissions(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields, json::Fields::of(document.root(), {"services"}));
    WAVS_TRY(const auto services, fields.required("services"));
    std::vector<ServicePermissions> out;
    for (const auto& item : services.items()) {
        WAVS_TRY(auto service, read_service(item));
        out.push_back(std::move(service));
    }
    return out;
}

std::vector<std::string> permission_lines(const std::vector<ServicePermissions>& services) {
    std::vector<std::string> out;
    for (const auto& service : services) {
        out.push_back(fmt::format("{}  {}", types::to_string(service.service), service.name));
        for (const auto& permission : service.permissions) {
            out.push_back("  " + permission);
        }
        if (service.permissions.empty()) {
            out.emplace_back("  no permissions");
        }
        if (const auto& more = service.asks_for_more) {
            out.push_back(fmt::format("  the manifest at {} {}", more->uri,
                                      more->in_force ? "is in force and asks for more:"
                                                     : "waits for you and asks for more:"));
            for (const auto& permission : more->permissions) {
                out.push_back("    " + permission);
            }
            out.push_back("  to agree: wavs-cli permissions agree " +
                          types::to_string(more->digest));
        }
    }
    if (services.empty()) {
        out.emplace_back("this node runs no service");
    }
    return out;
}

}  // namespace wavs::cli
