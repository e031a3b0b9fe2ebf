// SPDX-License-Identifier: Apache-2.0
#include "ledger_entry.hpp"

#include "wavs/storage/keys.hpp"
#include "wavs/types/codec.hpp"

namespace wavs::submission {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

base::Bytes storage_key(const LedgerKey& key) {
    return storage::KeyWriter()
        .bytes(key.signer.view())
        .bytes(key.service.view())
        .bytes(key.event.view())
        .text(key.workflow.str())
        .get();
}

base::Result<LedgerKey> read_ledger_key(base::ByteView key) {
    types::Decoder in(key);
    LedgerKey out;
    out.signer = types::read_fixed<types::EvmAddress>(in);
    out.service = types::read_fixed<types::ServiceId>(in);
    out.event = types::read_fixed<types::EventId>(in);
    WAVS_TRY(out.workflow, types::WorkflowId::parse(base::as_text(in.fixed(in.left()))));
    if (in.failed()) {
        return types::unreadable_record("ledger_record", "the key of a ledger entry", 0, kVersion);
    }
    return out;
}

base::Bytes encode(const LedgerEntry& entry) {
    types::Encoder out;
    out.byte(kVersion);
    out.fixed(entry.digest.view());
    out.number(entry.signed_at.nanos);
    return std::move(out).take();
}

base::Result<LedgerEntry> decode_ledger_entry(base::ByteView stored) {
    types::Decoder in(stored);
    const auto version = in.byte();
    const auto digest = types::read_fixed<types::Bytes32>(in);
    const types::Timestamp signed_at{in.number()};
    if (in.failed() || version != kVersion) {
        return types::unreadable_record("ledger_record", "a ledger entry", version, kVersion);
    }
    return LedgerEntry{digest, signed_at};
}

base::Bytes encode(types::SignerState state) {
    return {kVersion, static_cast<std::uint8_t>(state)};
}

}  // namespace wavs::submission
