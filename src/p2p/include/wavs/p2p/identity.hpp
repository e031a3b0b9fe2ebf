// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/crypto/secret_key.hpp"

#include <filesystem>

namespace wavs::p2p {

/// An Ed25519 secret key: who this node is among its peers.
using Identity = crypto::SecretBytes<32>;

/// Reads `<folder>/identity.key` (docs/protocol/04-data-directory.md), or makes it: it is on disk
/// when this returns. Blocking. Errors: `p2p_identity_open` (Denied) when others may read the file,
/// `p2p_identity_damaged` (Invalid) when it is not one key, `storage_io` (Unavailable).
base::Result<Identity> load_identity(const std::filesystem::path& folder);

}  // namespace wavs::p2p
