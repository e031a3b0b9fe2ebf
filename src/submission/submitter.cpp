// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/submitter.hpp"

#include "wavs/telemetry/log.hpp"
#include "wavs/types/event_id.hpp"

namespace wavs::submission {

SignedRun::~SignedRun() {
    for (const auto& key : reserved_) {
        ledger_->release(key);
    }
}

Submitter::Submitter(Signer& signer, Ledger& ledger, const base::Clock& clock,
                     telemetry::Metrics& metrics)
    : signer_(signer),
      ledger_(ledger),
      clock_(clock),
      signed_(metrics.counter("wavs_submissions_signed_total", "Results signed by this node")),
      refused_(metrics.counter(
          "wavs_signatures_refused_total",
          "Results not signed because another one was signed for the same event")) {}

async::Flow<base::Result<SignedRun>> Submitter::sign(types::EventJob job,
                                                     types::RegisteredServicePtr current,
                                                     std::vector<types::WasmResponse> responses) {
    SignedRun run(&ledger_);
    const auto* workflow = current->service.find(job.event->action.config.workflow_id);
    const auto* aggregator = workflow == nullptr ? nullptr : workflow->aggregator();
    if (aggregator == nullptr) {
        telemetry::log_debug("submission", "nothing to sign: the workflow does not submit",
                             {{"service", types::to_string(job.service->id)},
                              {"workflow", job.event->action.config.workflow_id.str()}});
        co_return std::move(run);
    }
    for (auto& response : responses) {
        auto record = co_await sign_one(job, aggregator->signature_kind, std::move(response), run);
        if (!record.has_value()) {
            refused_.add(record.error().code() == base::ErrorCode("double_sign") ? 1 : 0);
            co_return std::move(record).error();
        }
        run.results.push_back(std::move(record.value()));
    }
    signed_.add(static_cast<double>(run.results.size()));
    co_return std::move(run);
}

async::Flow<base::Result<types::ResultRecord>> Submitter::sign_one(const types::EventJob& job,
                                                                   const types::SignatureKind& kind,
                                                                   types::WasmResponse response,
                                                                   SignedRun& run) {
    const auto& action = job.event->action;
    const auto event_id =
        response.event_id_salt ? types::event_id_of(action, response) : job.event->default_event_id;
    auto envelope = types::make_envelope(event_id, response);
    const LedgerKey key{job.service->signer, job.service->id, action.config.workflow_id, event_id};
    const auto now = clock_.wall_now();
    const auto digest = types::envelope_digest(envelope);
    WAVS_CO_TRY(ledger_.reserve(key, digest, now, run.batch));
    run.reserved_.push_back(key);
    WAVS_CO_TRY(auto signature, co_await signer_.sign(job.service->hd_index, digest, kind));

    types::ResultRecord record;
    record.event_sequence = job.event->sequence;
    record.response_index = static_cast<std::uint32_t>(run.results.size());
    record.submission = {action, std::move(response), event_id, std::move(envelope),
                         std::move(signature)};
    record.signer = job.service->signer;
    record.trace_id = job.event->trace_id;
    record.created_at = now;
    record.updated_at = now;
    co_return std::move(record);
}

}  // namespace wavs::submission
