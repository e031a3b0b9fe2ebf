// SPDX-License-Identifier: Apache-2.0
#include "service_record.hpp"

#include "wavs/types/codec.hpp"

namespace wavs::dispatcher {
namespace {

constexpr std::uint8_t kServiceVersion = 3;
// Without the manifest that was agreed to (form 2), nor the moment from which on it is in force.
constexpr std::uint8_t kServiceVersion1 = 1;
constexpr std::uint8_t kHeldVersion = 1;
constexpr std::uint8_t kSignerVersion = 1;

base::Result<void> check(const types::Decoder& in, bool known, std::uint8_t version,
                         std::string_view what) {
    if (!known) {
        return base::Error(
            base::ErrorKind::Unsupported, "record_version",
            fmt::format("a stored {} has form {}, which this build does not know", what, version),
            "use the build that wrote it");
    }
    if (!in.at_end()) {
        return base::Error(base::ErrorKind::Unavailable, "record_corrupt",
                           fmt::format("a stored {} is damaged", what),
                           "restore the data directory");
    }
    return base::ok();
}

}  // namespace

base::Bytes encode(const ServiceRecord& record) {
    types::Encoder out;
    out.byte(kServiceVersion);
    out.fixed(record.digest.view());
    out.text(record.uri);
    out.number(record.updated_at.nanos);
    out.byte(record.in_force_from ? 1 : 0);
    if (record.in_force_from) {
        out.number(record.in_force_from->block);
        out.number(record.in_force_from->log_index);
    }
    out.fixed(record.agreed.view());
    return std::move(out).take();
}

base::Result<ServiceRecord> decode_service_record(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    ServiceRecord record;
    record.digest = types::read_fixed<types::ServiceDigest>(in);
    record.uri = std::string(in.text());
    record.updated_at = {in.number()};
    if (version != kServiceVersion1 && in.byte() == 1) {
        const auto block = in.number();
        record.in_force_from = types::ChainPosition{block, in.number()};
    }
    record.agreed =
        version == kServiceVersion ? types::read_fixed<types::ServiceDigest>(in) : record.digest;
    const bool known = version >= kServiceVersion1 && version <= kServiceVersion;
    WAVS_TRY(check(in, known, version, "service"));
    return record;
}

ServiceRecord record_of(const types::RegisteredService& service,
                        const types::ServiceDigest& agreed) {
    return {service.digest, service.uri, service.updated_at, service.in_force_from, agreed};
}

base::Bytes encode(const HeldRecord& record) {
    types::Encoder out;
    out.byte(kHeldVersion);
    out.fixed(record.digest.view());
    out.text(record.uri);
    out.number(record.at.block);
    out.number(record.at.log_index);
    out.number(record.held_at.nanos);
    return std::move(out).take();
}

base::Result<HeldRecord> decode_held_record(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    HeldRecord record;
    record.digest = types::read_fixed<types::ServiceDigest>(in);
    record.uri = std::string(in.text());
    record.at.block = in.number();
    record.at.log_index = in.number();
    record.held_at = {in.number()};
    WAVS_TRY(check(in, version == kHeldVersion, version, "held update"));
    return record;
}

base::Bytes encode(const SignerRecord& record) {
    types::Encoder out;
    out.byte(kSignerVersion);
    out.number(record.hd_index);
    out.fixed(record.address.view());
    out.number(record.born_at.nanos);
    return std::move(out).take();
}

base::Result<SignerRecord> decode_signer_record(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    SignerRecord record;
    record.hd_index = static_cast<std::uint32_t>(in.number());
    record.address = types::read_fixed<types::EvmAddress>(in);
    record.born_at = {in.number()};
    WAVS_TRY(check(in, version == kSignerVersion, version, "signer"));
    return record;
}

}  // namespace wavs::dispatcher
