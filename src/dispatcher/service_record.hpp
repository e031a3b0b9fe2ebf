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
    /// The manifest whose permissions the operator agreed to.
    types::ServiceDigest agreed;
};
base::Bytes encode(const ServiceRecord& record);
base::Result<ServiceRecord> decode_service_record(base::ByteView data);
ServiceRecord record_of(const types::RegisteredService& service,
                        const types::ServiceDigest& agreed);

/// An update that waits for the operator.
struct HeldRecord {
    types::ServiceDigest digest;
    std::string uri;
    /// Its announcement.
    types::ChainPosition at;
    types::Timestamp held_at;
};
base::Bytes encode(const HeldRecord& record);
base::Result<HeldRecord> decode_held_record(base::ByteView data);

struct SignerRecord {
    std::uint32_t hd_index = 0;
    types::EvmAddress address;
    /// When this node first handed out the index.
    types::Timestamp born_at;
};
base::Bytes encode(const SignerRecord& record);
base::Result<SignerRecord> decode_signer_record(base::ByteView data);

}  // namespace wavs::dispatcher
