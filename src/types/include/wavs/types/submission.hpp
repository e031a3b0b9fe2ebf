// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/envelope.hpp"
#include "wavs/types/response.hpp"
#include "wavs/types/signature_kind.hpp"
#include "wavs/types/trigger_data.hpp"

#include <string>
#include <string_view>

namespace wavs::types {

/// `data` is r, s, v: 65 bytes in a valid one, any number in what a peer sent.
struct Signature {
    base::Bytes data;
    SignatureKind kind;
    friend bool operator==(const Signature&, const Signature&) = default;
};

/// One operator's signed result, as it travels between operators: docs/protocol/01-values.md 9.
struct Submission {
    TriggerAction trigger_action;
    WasmResponse operator_response;
    EventId event_id;
    Envelope envelope;
    Signature envelope_signature;
    friend bool operator==(const Submission&, const Submission&) = default;
};

/// Reads any order and spacing. Says nothing on whether id, envelope and signature fit together.
base::Result<Submission> parse_submission(std::string_view text);
base::Result<Submission> read_submission(const json::Value& value);
/// The exact bytes other nodes publish.
std::string to_json(const Submission& submission);
void write_json(json::Writer& out, const Submission& submission);
void write_json(json::Writer& out, const Signature& signature);

/// Whether event id and envelope are what trigger action and response give. The signature is the
/// business of module `crypto`. Error codes: `event_id_mismatch`, `envelope_mismatch`.
base::Result<void> check_binding(const Submission& submission);

}  // namespace wavs::types
