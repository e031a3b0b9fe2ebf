// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/admission.hpp"

#include "wavs/crypto/signature.hpp"
#include "wavs/types/json.hpp"

#include <algorithm>
#include <optional>

namespace wavs::aggregator {
namespace {

using p2p::Verdict;

// Empty: the submission fits this revision.
std::optional<Refusal> misfit(const types::Submission& submission,
                              const types::RegisteredServicePtr& service) {
    if (!service) {
        return Refusal{Verdict::Ignore, "unknown_service", "no such service here"};
    }
    const auto& config = submission.trigger_action.config;
    const auto* workflow = service->service.find(config.workflow_id);
    const auto* aggregator = workflow == nullptr ? nullptr : workflow->aggregator();
    if (aggregator == nullptr) {
        return Refusal{Verdict::Ignore, "unknown_workflow",
                       "no workflow " + config.workflow_id.str() + " with an aggregator"};
    }
    if (!(config.trigger == workflow->trigger)) {
        return Refusal{Verdict::Ignore, "other_trigger", "its trigger is not that of the manifest"};
    }
    if (!(submission.envelope_signature.kind == aggregator->signature_kind)) {
        return Refusal{Verdict::Reject, "wrong_kind",
                       "its kind of signature is not that of the manifest"};
    }
    return std::nullopt;
}

// A misfit of the revision in force counts, unless the one before explains it.
std::optional<Refusal> misfit(const types::Submission& submission, const Revisions& revisions) {
    auto now = misfit(submission, revisions.current);
    if (now && revisions.previous && !misfit(submission, revisions.previous)) {
        return std::nullopt;
    }
    return now;
}

}  // namespace

Admission admit(std::string_view json, const types::ServiceId& about, const Revisions& revisions) {
    auto read = types::parse_submission(json);
    if (!read.has_value()) {
        return Refusal{Verdict::Reject, "malformed", read.error().message()};
    }
    return admit(std::move(read.value()), about, revisions);
}

Admission admit(types::Submission submission, const types::ServiceId& about,
                const Revisions& revisions) {
    if (submission.trigger_action.config.service_id != about) {
        return Refusal{Verdict::Reject, "other_service", "it is of another service"};
    }
    if (!revisions.current || !revisions.current->active()) {
        return Refusal{Verdict::Ignore, "unknown_service", "the service is not active here"};
    }
    if (auto wrong = misfit(submission, revisions)) {
        return std::move(*wrong);
    }
    if (auto bound = types::check_binding(submission); !bound.has_value()) {
        const bool id = bound.error().code() == base::ErrorCode("event_id_mismatch");
        return Refusal{Verdict::Reject, id ? "wrong_event_id" : "wrong_envelope",
                       bound.error().message()};
    }
    const auto digest = types::envelope_digest(submission.envelope);
    const auto signer =
        crypto::recover_address(types::signing_hash(digest, submission.envelope_signature.kind),
                                submission.envelope_signature.data);
    if (!signer.has_value()) {
        return Refusal{Verdict::Reject, "bad_signature", signer.error().message()};
    }
    return Admitted{std::move(submission), digest, signer.value()};
}

base::Result<CatchupContent> read_catchup_answer(std::string_view json) {
    WAVS_TRY(const auto document, types::json::Document::parse(json));
    const auto list = document.root().find("submissions");
    if (!list || !list->is_array()) {
        return document.root().shape_error("expected a member `submissions` with a list");
    }
    CatchupContent out;
    for (const auto& item : list->items()) {
        auto read = types::read_submission(item);
        if (read.has_value()) {
            out.submissions.push_back(std::move(read.value()));
        } else if (++out.malformed == kMostMalformed) {
            break;
        }
    }
    // The newest come first in an answer of ours.
    std::reverse(out.submissions.begin(), out.submissions.end());
    return out;
}

}  // namespace wavs::aggregator
