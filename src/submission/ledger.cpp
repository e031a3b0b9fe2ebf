// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/ledger.hpp"

#include "wavs/storage/keys.hpp"
#include "wavs/types/codec.hpp"

namespace wavs::submission {
namespace {

constexpr std::uint8_t kVersion = 1;

base::Bytes storage_key(const LedgerKey& key) {
    return storage::KeyWriter()
        .bytes(key.signer.view())
        .bytes(key.service.view())
        .bytes(key.event.view())
        .text(key.workflow.str())
        .get();
}

base::Bytes encode(const types::Bytes32& digest, types::Timestamp now) {
    types::Encoder out;
    out.byte(kVersion);
    out.fixed(digest.view());
    out.number(now.nanos);
    return std::move(out).take();
}

base::Error conflict(const LedgerKey& key) {
    return {
        base::ErrorKind::Conflict, "double_sign",
        fmt::format(
            "event {} of workflow {} was signed before with another result; this one is not signed",
            types::to_string(key.event), key.workflow.str()),
        "the component is not deterministic, or two responses share an event id: give each "
        "response its own event-id-salt"};
}

base::Result<bool> stored_equals(const base::Bytes& stored, const types::Bytes32& digest) {
    types::Decoder in(stored);
    const auto version = in.byte();
    const auto bytes = in.fixed(32);
    if (in.failed() || version != kVersion) {
        return base::Error(
            base::ErrorKind::Unsupported, "ledger_record",
            fmt::format("a ledger entry has form {}, this build knows {}", version, kVersion),
            "use the build that wrote it");
    }
    return base::as_text(bytes) == base::as_text(digest.view());
}

}  // namespace

base::Result<void> Ledger::reserve(const LedgerKey& key, const types::Bytes32& envelope_digest,
                                   types::Timestamp now, storage::Batch& batch) {
    const auto storage = storage_key(key);
    const std::lock_guard lock(mutex_);
    const auto held = reserved_.find(key);
    if (held != reserved_.end() && held->second.digest != envelope_digest) {
        return conflict(key);
    }
    WAVS_TRY(auto stored, store_.get(storage::Keyspace::Ledger, storage));
    if (stored) {
        WAVS_TRY(const bool same, stored_equals(*stored, envelope_digest));
        if (!same) {
            return conflict(key);
        }
    } else {
        batch.put(storage::Keyspace::Ledger, storage, encode(envelope_digest, now));
    }
    auto& reservation = reserved_[key];
    reservation.digest = envelope_digest;
    ++reservation.holders;
    return base::ok();
}

void Ledger::release(const LedgerKey& key) {
    const std::lock_guard lock(mutex_);
    const auto held = reserved_.find(key);
    if (held != reserved_.end() && --held->second.holders == 0) {
        reserved_.erase(held);
    }
}

}  // namespace wavs::submission
