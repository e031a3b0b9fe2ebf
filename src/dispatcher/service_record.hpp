// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/pipeline.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace wavs::dispatcher {

/// Stored forms of a registered service and of its key (docs/protocol/02-records.md).
struct ServiceRecord {
    types::ServiceDigest digest;
    std::string uri;
    types::Timestamp updated_at;
    std::optional<types::ChainPosition> in_force_from;
};
base::Bytes encode(const ServiceRecord& record);
base::Result<ServiceRecord> decode_service_record(base::ByteView data);

struct SignerRecord {
    std::uint32_t hd_index = 0;
    types::EvmAddress address;
    /// When this node first handed out the index.
    types::Timestamp born_at;
};
base::Bytes encode(const SignerRecord& record);
base::Result<SignerRecord> decode_signer_record(base::ByteView data);

}  // namespace wavs::dispatcher
