// SPDX-License-Identifier: Apache-2.0
#include "service_record.hpp"

#include "wavs/types/codec.hpp"

namespace wavs::dispatcher {
namespace {

constexpr std::uint8_t kVersion = 1;

template <typename Fixed>
Fixed read_fixed(types::Decoder& in) {
    Fixed out;
    const auto bytes = in.fixed(Fixed::size());
    if (bytes.size() == Fixed::size()) {
        std::copy(bytes.begin(), bytes.end(), out.array().begin());
    }
    return out;
}

base::Result<void> check(const types::Decoder& in, std::uint8_t version, std::string_view what) {
    if (version != kVersion) {
        return base::Error(
            base::ErrorKind::Unsupported, "record_version",
            fmt::format("a stored {} has form {}, this build knows {}", what, version, kVersion),
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
    out.byte(kVersion);
    out.fixed(record.digest.view());
    out.text(record.uri);
    out.number(record.updated_at.nanos);
    return std::move(out).take();
}

base::Result<ServiceRecord> decode_service_record(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    ServiceRecord record;
    record.digest = read_fixed<types::ServiceDigest>(in);
    record.uri = std::string(in.text());
    record.updated_at = {in.number()};
    WAVS_TRY(check(in, version, "service"));
    return record;
}

base::Bytes encode(const SignerRecord& record) {
    types::Encoder out;
    out.byte(kVersion);
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
    record.address = read_fixed<types::EvmAddress>(in);
    record.born_at = {in.number()};
    WAVS_TRY(check(in, version, "signer"));
    return record;
}

}  // namespace wavs::dispatcher
