// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/signature_kind.hpp"

#include "wavs/types/json_read.hpp"

namespace wavs::types {

using base::Result;

Result<SignatureKind> read_signature_kind(const json::Value& value) {
    WAVS_TRY(const auto fields, json::Fields::of(value, {"algorithm", "prefix"}));
    WAVS_TRY(const auto algorithm_value, fields.required("algorithm"));
    WAVS_TRY(const auto algorithm, json::read_variant(algorithm_value));
    if (algorithm.tag != "secp256k1") {
        return algorithm_value
            .error(base::ErrorKind::Unsupported, "signature_algorithm",
                   fmt::format("unknown signature algorithm `{}`, this node knows `secp256k1`: "
                               "needs a newer node",
                               algorithm.tag))
            .with_remedy("update the node, or correct the manifest");
    }
    WAVS_TRY(algorithm.expect_unit());
    SignatureKind out;
    if (const auto prefix_value = fields.optional("prefix")) {
        WAVS_TRY(const auto prefix, json::read_variant(*prefix_value));
        if (prefix.tag != "eip191") {
            return prefix.unknown({"eip191"});
        }
        WAVS_TRY(prefix.expect_unit());
        out.prefix = SignaturePrefix::Eip191;
    }
    return out;
}

void write_json(json::Writer& out, const SignatureKind& kind) {
    out.begin_object();
    out.key("algorithm");
    out.string("secp256k1");
    out.key("prefix");
    kind.prefix.has_value() ? out.string("eip191") : out.null();
    out.end_object();
}

}  // namespace wavs::types
