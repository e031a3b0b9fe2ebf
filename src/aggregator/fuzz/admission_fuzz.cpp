// SPDX-License-Identifier: Apache-2.0
// What a peer gossips, up to the question whether its signer counts: nothing it sends ends the
// process, and what is taken is what it claims to be.
#include "wavs/aggregator/admission.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/types/ids.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace wavs;

// The service of the seeds.
types::RegisteredServicePtr service() {
    auto out = std::make_shared<types::RegisteredService>();
    out->id =
        types::parse_service_id("f1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68")
            .value();
    auto& workflow = out->service.workflows[types::WorkflowId()];
    workflow.trigger = types::ManualTrigger{};
    types::SubmitAggregator submit;
    submit.signature_kind = types::kEvmSignatureKind;
    workflow.submit = submit;
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kService = service();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto answer = aggregator::admit(text, kService->id, {kService, nullptr});
    if (const auto* taken = std::get_if<aggregator::Admitted>(&answer)) {
        const auto signer = crypto::signer_of(taken->submission);
        if (!signer.has_value() || signer.value() != taken->signer ||
            !types::check_binding(taken->submission).has_value()) {
            std::abort();
        }
    }
    return 0;
}
