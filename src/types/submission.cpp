// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/submission.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/json_read.hpp"

namespace wavs::types {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using json::Fields;
using json::Value;

Result<Signature> read_signature(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"data", "kind"}));
    Signature out;
    WAVS_TRY(const auto data, fields.required("data"));
    WAVS_TRY(out.data, json::read_byte_array(data));
    WAVS_TRY(const auto kind, fields.required("kind"));
    WAVS_TRY(out.kind, read_signature_kind(kind));
    return out;
}

}  // namespace

Result<Submission> read_submission(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"trigger_action", "operator_response",
                                                   "event_id", "envelope", "envelope_signature"}));
    Submission out;
    WAVS_TRY(const auto action, fields.required("trigger_action"));
    WAVS_TRY(out.trigger_action, read_trigger_action(action));
    WAVS_TRY(const auto response, fields.required("operator_response"));
    WAVS_TRY(out.operator_response, read_wasm_response(response));
    WAVS_TRY(const auto event_id, fields.required("event_id"));
    WAVS_TRY(out.event_id, json::read_event_id(event_id));
    WAVS_TRY(const auto envelope, fields.required("envelope"));
    WAVS_TRY(out.envelope, read_envelope(envelope));
    WAVS_TRY(const auto signature, fields.required("envelope_signature"));
    WAVS_TRY(out.envelope_signature, read_signature(signature));
    return out;
}

Result<Submission> parse_submission(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    return read_submission(document.root());
}

void write_json(json::Writer& out, const Signature& signature) {
    out.begin_object();
    out.key("data");
    out.begin_array();
    for (const std::uint8_t byte : signature.data) {
        out.number(std::uint64_t{byte});
    }
    out.end_array();
    out.key("kind");
    write_json(out, signature.kind);
    out.end_object();
}

void write_json(json::Writer& out, const Submission& submission) {
    out.begin_object();
    out.key("trigger_action");
    write_json(out, submission.trigger_action);
    out.key("operator_response");
    write_json(out, submission.operator_response);
    out.key("event_id");
    out.string(base::hex0x(submission.event_id.view()));
    out.key("envelope");
    write_json(out, submission.envelope);
    out.key("envelope_signature");
    write_json(out, submission.envelope_signature);
    out.end_object();
}

std::string to_json(const Submission& submission) {
    std::string out;
    json::Writer writer(out);
    write_json(writer, submission);
    return out;
}

Result<void> check_binding(const Submission& submission) {
    const EventId expected = event_id_of(submission.trigger_action, submission.operator_response);
    if (submission.event_id != expected) {
        return Error(ErrorKind::Invalid, "event_id_mismatch",
                     fmt::format("event id {} is not that of the trigger and response, {}",
                                 to_string(submission.event_id), to_string(expected)));
    }
    if (submission.envelope != make_envelope(expected, submission.operator_response)) {
        return Error(ErrorKind::Invalid, "envelope_mismatch",
                     fmt::format("the envelope of event {} is not that of its response",
                                 to_string(expected)));
    }
    return base::ok();
}

}  // namespace wavs::types
