// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/signer.hpp"

namespace wavs::submission {

async::Task<base::Result<types::EvmAddress>> LocalSigner::address(std::uint32_t hd_index) {
    WAVS_CO_TRY(const auto* key, keyring_.at(hd_index));
    co_return key->address();
}

async::Flow<base::Result<types::Signature>> LocalSigner::sign(std::uint32_t hd_index,
                                                              types::Bytes32 envelope_digest,
                                                              types::SignatureKind kind) {
    WAVS_CO_TRY(const auto* key, keyring_.at(hd_index));
    co_return key->sign(envelope_digest, kind);
}

}  // namespace wavs::submission
