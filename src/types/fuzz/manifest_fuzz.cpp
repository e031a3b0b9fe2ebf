// SPDX-License-Identifier: Apache-2.0
// Any text as a manifest, a submission and a JSON tree: what is accepted must read back from its
// canonical text as the same value.
#include "wavs/base/assert.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/types/chain_config.hpp"
#include "wavs/types/json_tree.hpp"
#include "wavs/types/manifest_json.hpp"
#include "wavs/types/submission.hpp"
#include "wavs/types/validate.hpp"

namespace wavs::types {
namespace {

void check_manifest(std::string_view text) {
    ManifestOptions options;
    options.comments = json::Comments::Allow;
    options.legacy_chain_names.emplace("ethereum", ChainKey::parse("evm:1").value());
    const auto manifest = parse_manifest(text, options);
    if (!manifest.has_value()) {
        return;
    }
    const Service& service = manifest.value().service;
    const auto again = parse_manifest(to_json(service), {.legacy = LegacyManifests::Refuse});
    WAVS_ASSERT(again.has_value());
    WAVS_ASSERT(again.value().service == service);
    WAVS_ASSERT(service_digest(again.value().service) == service_digest(service));
    (void)validate(service, Timestamp{1'700'000'000'000'000'000ULL});
}

void check_tree(std::string_view text) {
    const auto tree = json::parse_tree(text);
    if (tree.has_value()) {
        const auto again = json::parse_tree(json::to_json(tree.value()));
        WAVS_ASSERT(again.has_value());
        WAVS_ASSERT(again.value() == tree.value());
    }
}

void check_submission(std::string_view text) {
    const auto submission = parse_submission(text);
    if (submission.has_value()) {
        const auto again = parse_submission(to_json(submission.value()));
        WAVS_ASSERT(again.has_value());
        WAVS_ASSERT(again.value() == submission.value());
        (void)check_binding(submission.value());
    }
}

void check_chain(std::string_view text) {
    const auto request = parse_add_chain_request(text);
    if (request.has_value()) {
        WAVS_ASSERT(parse_add_chain_request(to_json(request.value())).has_value());
    }
}

}  // namespace
}  // namespace wavs::types

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = wavs::base::as_text({data, size});
    wavs::types::check_manifest(text);
    wavs::types::check_tree(text);
    wavs::types::check_submission(text);
    wavs::types::check_chain(text);
    return 0;
}
