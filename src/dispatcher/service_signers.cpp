// SPDX-License-Identifier: Apache-2.0
// Keys that may have signed elsewhere.
#include "wavs/dispatcher/services.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::dispatcher {

using types::SignerState;

// A key that is new on this node has signed nothing, unless its manager counts it already: then
// another node had it, or this one before its data was lost. What a manager that cannot be asked
// would have said is not known later, when the key may have been counted since.
async::Task<base::Result<void>> Services::check_signer(types::ServiceManager manager,
                                                       types::EvmAddress signer) {
    if (deps_.submission.state(signer) != SignerState::Unchecked) {
        co_return base::ok();
    }
    const auto counted = co_await deps_.managers.counts(manager, signer);
    if (!counted.has_value()) {
        telemetry::log_failure(
            telemetry::Level::Warn, "dispatcher",
            "a new key does not sign before its manager says whether it counted it before",
            counted.error(), {{"signer", types::to_checksum_string(signer)}});
        co_return base::ok();
    }
    const auto state = counted.value() ? SignerState::Missing : SignerState::On;
    WAVS_CO_TRY(co_await deps_.store.commit(deps_.submission.set_state(signer, state)));
    if (state == SignerState::On) {
        if (signing_began_) {
            signing_began_(signer);
        }
        co_return base::ok();
    }
    telemetry::log_error(
        "dispatcher",
        "a key that its manager counted before this node had it does not sign: what it signed "
        "elsewhere is not known here",
        {{"signer", types::to_checksum_string(signer)},
         {"remedy",
          "import the ledger of the node that signed with it (wavs ledger import), or, "
          "if there is none, wavs-cli ledger accept-empty"}});
    co_return base::ok();
}

async::Task<base::Result<void>> Services::accept_empty_ledger(types::ServiceId id) {
    WAVS_CO_TRY(auto guard, co_await lock(id));
    const auto service = find(id);
    if (!service) {
        co_return base::Error(base::ErrorKind::NotFound, "service_unknown",
                              fmt::format("this node runs no service {}", types::to_string(id)),
                              "use an id that wavs-cli permissions list shows");
    }
    if (deps_.submission.state(service->signer) == SignerState::On) {
        co_return base::Error(
            base::ErrorKind::Conflict, "ledger_not_missing",
            fmt::format("the key {} of service {} signs already",
                        types::to_checksum_string(service->signer), types::to_string(id)));
    }
    WAVS_CO_TRY(
        co_await deps_.store.commit(deps_.submission.set_state(service->signer, SignerState::On)));
    telemetry::log_warn("dispatcher",
                        "the operator says that nothing was signed elsewhere: the key signs from "
                        "now on",
                        {{"service", types::to_string(id)},
                         {"signer", types::to_checksum_string(service->signer)}});
    if (signing_began_) {
        signing_began_(service->signer);
    }
    co_return base::ok();
}

}  // namespace wavs::dispatcher
