// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/submission/ledger.hpp"
#include "wavs/submission/signer.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/pipeline.hpp"

#include <vector>

namespace wavs::submission {

/// The signed responses of one run with what must be stored together with them. The ledger
/// reservations are released when this is destroyed, so keep it until the batch is committed.
class SignedRun {
public:
    explicit SignedRun(Ledger* ledger) : ledger_(ledger) {}
    SignedRun(SignedRun&& other) noexcept = default;
    SignedRun& operator=(SignedRun&&) = delete;
    ~SignedRun();

    std::vector<types::ResultRecord> results;
    storage::Batch batch;

private:
    friend class Submitter;
    // A moved-from run must not release a second time; a moved-from vector is empty.
    std::vector<LedgerKey> reserved_;
    Ledger* ledger_;
};

/// Turns the responses of a run into signed submissions (docs/protocol/01-values.md 8 and 9).
/// Stateless apart from the ledger; callable from any executor.
class Submitter {
public:
    Submitter(Signer& signer, Ledger& ledger, const base::Clock& clock,
              telemetry::Metrics& metrics);

    /// Signs with the signature kind of `current`, the revision in force now. Workflows with
    /// `submit: none` give no results. Several responses with one event id but different envelopes
    /// are the component's fault; a conflict with the ledger is refused and reported.
    async::Flow<base::Result<SignedRun>> sign(types::EventJob job,
                                              types::RegisteredServicePtr current,
                                              std::vector<types::WasmResponse> responses);

private:
    async::Flow<base::Result<types::ResultRecord>> sign_one(const types::EventJob& job,
                                                            const types::SignatureKind& kind,
                                                            types::WasmResponse response,
                                                            SignedRun& run);

    Signer& signer_;
    Ledger& ledger_;
    const base::Clock& clock_;
    telemetry::Counter signed_;
    telemetry::Counter refused_;
};

}  // namespace wavs::submission
