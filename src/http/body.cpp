// SPDX-License-Identifier: Apache-2.0
#include "body.hpp"

#include "reply.hpp"
#include "wavs/types/json_read.hpp"

#include <charconv>

namespace wavs::http {
namespace {

namespace json = types::json;
using base::Error;
using base::ErrorKind;
using base::Result;

/// Line or column number behind `word` in "... at line L column C".
std::size_t number_behind(std::string_view message, std::string_view word) {
    std::size_t out = 0;
    const std::size_t at = message.rfind(word);
    if (at != std::string_view::npos) {
        std::from_chars(message.data() + at + word.size(), message.data() + message.size(), out);
    }
    return out;
}

/// What stands before the "trailing characters" an error complains about; none for other errors.
std::optional<std::string_view> before_trailing(std::string_view text, const Error& error) {
    const std::string_view message = error.message();
    if (!message.starts_with("trailing characters ")) {
        return std::nullopt;
    }
    std::size_t begin = 0;
    for (std::size_t line = number_behind(message, " line "); line > 1; --line) {
        begin = text.find('\n', begin) + 1;
    }
    const std::size_t column = number_behind(message, " column ");
    return column == 0 ? std::nullopt : std::optional(text.substr(0, begin + column - 1));
}

/// The sentence of an error of the JSON readers as clients know it. A hint goes behind it, since a
/// quirk that we refuse is worth explaining.
Error rejection(const Error& error) {
    const bool syntax = error.code().view() == "json_syntax";
    if (!syntax && error.code().view() != "json_shape") {
        return error;
    }
    const std::string_view prefix =
        syntax ? "Failed to parse the request body as JSON: "
               : "Failed to deserialize the JSON body into the target type: ";
    return {ErrorKind::Invalid, error.code(), fmt::format("{}{}", prefix, error.full_text()),
            error.remedy()};
}

/// Reads as if in one pass: what does not fit in a complete value counts before what follows it.
template <typename T, typename Read>
Result<T> read_body(std::string_view body, Read read) {
    Result<T> whole = read(body);
    if (whole.has_value()) {
        return whole;
    }
    if (const auto value = before_trailing(body, whole.error())) {
        const Result<T> first = read(*value);
        if (!first.has_value()) {
            return rejection(first.error());
        }
    }
    return rejection(whole.error());
}

/// `read` on the root of the text.
template <typename T>
Result<T> read_root(std::string_view body, Result<T> (*read)(const json::Value&)) {
    return read_body<T>(body, [read](std::string_view text) -> Result<T> {
        WAVS_TRY(const auto document, json::Document::parse(text));
        return read(document.root());
    });
}

Result<AddServiceRequest> add_service_of(const json::Value& root) {
    WAVS_TRY(const auto fields, json::Fields::of(root, {"service_manager", "hd_index"}));
    WAVS_TRY(const auto manager, fields.required("service_manager"));
    AddServiceRequest out;
    WAVS_TRY(out.manager, types::read_service_manager(manager));
    if (const auto index = fields.optional("hd_index")) {
        WAVS_TRY(out.hd_index, json::read_u32(*index));
    }
    return out;
}

Result<std::vector<types::ServiceManager>> remove_services_of(const json::Value& root) {
    WAVS_TRY(const auto fields, json::Fields::of(root, {"service_managers"}));
    WAVS_TRY(const auto list, fields.required("service_managers"));
    if (!list.is_array()) {
        return json::invalid_type(list, "a sequence");
    }
    std::vector<types::ServiceManager> out;
    for (const json::Value item : list.items()) {
        WAVS_TRY(auto manager, types::read_service_manager(item));
        out.push_back(std::move(manager));
    }
    return out;
}

Result<types::ServiceManager> get_signer_of(const json::Value& root) {
    WAVS_TRY(const auto fields, json::Fields::of(root, {"service_manager"}));
    WAVS_TRY(const auto manager, fields.required("service_manager"));
    return types::read_service_manager(manager);
}

Result<SimulatedTriggerRequest> simulated_trigger_of(const json::Value& root) {
    WAVS_TRY(const auto fields, json::Fields::of(root, {"service_id", "workflow_id", "trigger",
                                                        "data", "count", "wait_for_completion"}));
    SimulatedTriggerRequest out;
    WAVS_TRY(const auto service, fields.required("service_id"));
    WAVS_TRY(out.action.config.service_id, json::read_service_id(service));
    WAVS_TRY(const auto workflow, fields.required("workflow_id"));
    WAVS_TRY(out.action.config.workflow_id, json::read_workflow_id(workflow));
    WAVS_TRY(const auto trigger, fields.required("trigger"));
    WAVS_TRY(out.action.config.trigger, types::read_trigger(trigger));
    WAVS_TRY(const auto data, fields.required("data"));
    WAVS_TRY(out.action.data, types::read_trigger_data(data));
    if (const auto count = fields.present("count")) {
        WAVS_TRY(out.count, json::read_u64(*count));
    }
    WAVS_TRY(const auto wait, fields.required("wait_for_completion"));
    WAVS_TRY(out.wait_for_completion, json::read_bool(wait));
    if (out.count > kMaxSimulatedTriggers) {
        return Error(
            ErrorKind::Invalid, "trigger_count",
            fmt::format("count {} is above the limit of {}", out.count, kMaxSimulatedTriggers),
            "send several requests");
    }
    return out;
}

}  // namespace

Result<void> check_json_content_type(const net::Headers& headers) {
    const std::string_view value = headers.find("content-type").value_or("");
    const std::string_view type = trim_blanks(value.substr(0, value.find(';')));
    constexpr std::string_view kMain = "application/";
    constexpr std::string_view kSuffix = "+json";
    const bool suffixed = type.size() > kMain.size() + kSuffix.size() &&
                          equals_ignore_case(type.substr(0, kMain.size()), kMain) &&
                          equals_ignore_case(type.substr(type.size() - kSuffix.size()), kSuffix);
    if (suffixed || equals_ignore_case(type, kJson)) {
        return base::ok();
    }
    return Error(ErrorKind::Invalid, "content_type",
                 "Expected request with `Content-Type: application/json`");
}

Error body_too_large() {
    return {ErrorKind::TooLarge, "body_too_large",
            "Failed to buffer the request body: length limit exceeded",
            "raise `max_body_size_mb` on the node"};
}

Result<AddServiceRequest> read_add_service(std::string_view body) {
    return read_root(body, &add_service_of);
}
Result<std::vector<types::ServiceManager>> read_remove_services(std::string_view body) {
    return read_root(body, &remove_services_of);
}
Result<types::ServiceManager> read_get_signer(std::string_view body) {
    return read_root(body, &get_signer_of);
}
Result<types::ParsedManifest> read_manifest(std::string_view body,
                                            const types::ManifestOptions& options) {
    return read_body<types::ParsedManifest>(
        body, [&options](std::string_view text) { return types::parse_manifest(text, options); });
}
Result<SimulatedTriggerRequest> read_simulated_trigger(std::string_view body) {
    return read_root(body, &simulated_trigger_of);
}
Result<types::AddChainRequest> read_add_chain(std::string_view body) {
    return read_body<types::AddChainRequest>(body, &types::parse_add_chain_request);
}

}  // namespace wavs::http
