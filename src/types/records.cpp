// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/records.hpp"

#include "record_fields.hpp"

#include "wavs/hash/hash.hpp"
#include "wavs/types/event_id.hpp"

#include <array>

namespace wavs::types {
namespace {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;
using base::Result;

constexpr std::array<std::string_view, 11> kEventStates = {
    "",        "accepted",  "running",    "done",    "failed", "skipped",
    "expired", "retracted", "superseded", "waiting", "parked"};
constexpr std::array<std::string_view, 11> kResultStates = {
    "",           "signed",  "collecting", "submitting", "burned", "failed",
    "superseded", "expired", "waiting",    "retracted",  "parked"};

void append_be(Bytes& out, std::uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

template <typename Record>
Bytes encode_record(const Record& record, std::uint8_t form = kRecordVersion) {
    Packer out;
    out.encoder.byte(form);
    out(record);
    return std::move(out.encoder).take();
}

template <typename Record>
Result<Record> decode_record(ByteView data, std::uint8_t form = kRecordVersion) {
    if (!data.empty() && data[0] != form) {
        return Error(ErrorKind::Unsupported, "record_version",
                     fmt::format("stored record of version {}, this node reads version {}: needs "
                                 "a newer node",
                                 data[0], form),
                     "use the build that wrote it");
    }
    Unpacker in(data);
    in.decoder.byte();
    Record record;
    in(record);
    if (!in.decoder.at_end()) {
        return Error(ErrorKind::Invalid, "record_corrupt",
                     fmt::format("stored record of {} bytes cannot be read", data.size()),
                     "restore the data directory");
    }
    return record;
}

}  // namespace

std::string_view to_string(EventState state) {
    return kEventStates.at(static_cast<std::size_t>(state));
}

std::string_view to_string(ResultState state) {
    return kResultStates.at(static_cast<std::size_t>(state));
}

bool is_final(EventState state) {
    switch (state) {
        case EventState::Done:
        case EventState::Skipped:
        case EventState::Expired:
        case EventState::Retracted:
        case EventState::Superseded:
            return true;
        case EventState::Accepted:
        case EventState::Running:
        case EventState::Failed:
        case EventState::Waiting:
        case EventState::Parked:
            break;
    }
    return false;
}

bool is_final(ResultState state) {
    switch (state) {
        case ResultState::Burned:
        case ResultState::Failed:
        case ResultState::Superseded:
        case ResultState::Expired:
        case ResultState::Retracted:
            return true;
        case ResultState::Signed:
        case ResultState::Collecting:
        case ResultState::Submitting:
        case ResultState::Waiting:
        case ResultState::Parked:
            break;
    }
    return false;
}

EventRecord make_event_record(std::uint64_t sequence, TriggerAction action,
                              const ServiceDigest& revision, Timestamp now, std::string source) {
    EventRecord out;
    out.sequence = sequence;
    out.default_event_id = default_event_id(action);
    out.trace_id = trace_id_of(out.default_event_id);
    out.revision = revision;
    out.action = std::move(action);
    out.accepted_at = now;
    out.updated_at = now;
    out.source = std::move(source);
    return out;
}

QueueTarget target_of(const SubmitAction& action) {
    return {chain_of(action), address_text(action)};
}

Bytes submission_prefix(const ServiceId& service, const EventId& event) {
    Bytes out = base::to_bytes(service.view());
    base::append(out, event.view());
    return out;
}

Bytes submission_key(const ServiceId& service, const EventId& event, const EvmAddress& signer,
                     const Bytes32& envelope_digest) {
    Bytes out = submission_prefix(service, event);
    base::append(out, signer.view());
    base::append(out, envelope_digest.view());
    return out;
}

Bytes queue_key(const EventId& event, const QueueTarget& target) {
    Bytes out = base::to_bytes(event.view());
    const auto digest = hash::sha256(base::as_bytes(target.chain.str() + "/" + target.address));
    base::append(out, ByteView(digest).first(kQueueTargetSize));
    return out;
}

Bytes queue_key(const EventId& event, const QueueTarget& target, const Bytes32& envelope_digest) {
    Bytes out = queue_key(event, target);
    base::append(out, envelope_digest.view());
    return out;
}

Bytes queue_key(const EventId& event, const QueueTarget& target, const Bytes32& envelope_digest,
                const EvmAddress& signer) {
    Bytes out = queue_key(event, target, envelope_digest);
    base::append(out, signer.view());
    return out;
}

Bytes event_key(std::uint64_t sequence) {
    Bytes out;
    append_be(out, sequence, 8);
    return out;
}

Bytes result_key(std::uint64_t event_sequence, std::uint32_t response_index) {
    Bytes out = event_key(event_sequence);
    append_be(out, response_index, 4);
    return out;
}

Bytes work_key(WorkKind kind, std::uint64_t event_sequence) {
    Bytes out{static_cast<std::uint8_t>(kind)};
    append_be(out, event_sequence, 8);
    return out;
}

Bytes work_key(std::uint64_t event_sequence, std::uint32_t response_index) {
    Bytes out = work_key(WorkKind::OpenResult, event_sequence);
    append_be(out, response_index, 4);
    return out;
}

std::optional<WorkKind> work_of(EventState state) {
    switch (state) {
        case EventState::Accepted:
        case EventState::Running:
            return WorkKind::OpenEvent;
        case EventState::Failed:
        case EventState::Parked:
            return WorkKind::FailedEvent;
        default:
            return std::nullopt;
    }
}

bool is_open(ResultState state) {
    return state == ResultState::Signed || state == ResultState::Collecting ||
           state == ResultState::Submitting || state == ResultState::Waiting;
}

Result<std::uint64_t> parse_event_key(ByteView key) {
    if (key.size() != 8) {
        return Error(ErrorKind::Invalid, "record_key",
                     fmt::format("event key of {} bytes instead of 8", key.size()));
    }
    std::uint64_t sequence = 0;
    for (const std::uint8_t byte : key) {
        sequence = sequence << 8 | byte;
    }
    return sequence;
}

Bytes transaction_prefix(const ChainKey& chain, const EvmAddress& account) {
    Bytes out;
    append_be(out, chain.str().size(), 1);
    base::append(out, base::as_bytes(chain.str()));
    base::append(out, account.view());
    return out;
}

Bytes transaction_key(const ChainKey& chain, const EvmAddress& account, std::uint64_t nonce) {
    Bytes out = transaction_prefix(chain, account);
    append_be(out, nonce, 8);
    return out;
}

Bytes spending_prefix(const ChainKey& chain) {
    Bytes out;
    append_be(out, chain.str().size(), 1);
    base::append(out, base::as_bytes(chain.str()));
    return out;
}

Bytes spending_key(const ChainKey& chain, std::uint32_t day, const ServiceId& service,
                   const EvmAddress& account, std::uint64_t nonce) {
    Bytes out = spending_prefix(chain);
    append_be(out, day, 4);
    base::append(out, service.view());
    base::append(out, account.view());
    append_be(out, nonce, 8);
    return out;
}

Result<SpendingPlace> parse_spending_key(const ChainKey& chain, ByteView key) {
    constexpr std::size_t kAfterPrefix = 4 + ServiceId::size() + EvmAddress::size() + 8;
    const auto prefix = spending_prefix(chain).size();
    if (key.size() != prefix + kAfterPrefix) {
        return Error(ErrorKind::Invalid, "record_corrupt",
                     fmt::format("a key of {} bytes under what was spent", key.size()),
                     "restore the data directory");
    }
    SpendingPlace out;
    for (const auto byte : key.subspan(prefix, 4)) {
        out.day = out.day << 8 | byte;
    }
    out.service = ServiceId::from(key.subspan(prefix + 4).first<ServiceId::size()>());
    return out;
}

Bytes encode(const EventRecord& record) { return encode_record(record); }
Bytes encode(const ResultRecord& record) { return encode_record(record); }
Bytes encode(const QueueRecord& record) { return encode_record(record); }
Bytes encode(const QueueEnvelope& record) { return encode_record(record); }
Bytes encode(const QueueSignature& record) { return encode_record(record); }
Bytes encode(const SubmissionRecord& record) { return encode_record(record); }
Bytes encode(const TimerRecord& record) { return encode_record(record); }
Bytes encode(const TransactionRecord& record) { return encode_record(record, kTransactionForm); }
Bytes encode(const SpendingRecord& record) { return encode_record(record); }
Bytes encode(const TriggerAction& action) { return encode_record(action); }
Bytes encode(const Submission& submission) { return encode_record(submission); }

Result<EventRecord> decode_event_record(ByteView data) { return decode_record<EventRecord>(data); }
Result<ResultRecord> decode_result_record(ByteView data) {
    return decode_record<ResultRecord>(data);
}
Result<QueueRecord> decode_queue_record(ByteView data) { return decode_record<QueueRecord>(data); }
Result<QueueEnvelope> decode_queue_envelope(ByteView data) {
    return decode_record<QueueEnvelope>(data);
}
Result<QueueSignature> decode_queue_signature(ByteView data) {
    return decode_record<QueueSignature>(data);
}
Result<SubmissionRecord> decode_submission_record(ByteView data) {
    return decode_record<SubmissionRecord>(data);
}
Result<TimerRecord> decode_timer_record(ByteView data) { return decode_record<TimerRecord>(data); }
Result<TransactionRecord> decode_transaction_record(ByteView data) {
    if (!data.empty() && data[0] == kRecordVersion) {
        WAVS_TRY(auto older, decode_record<TransactionForm1>(data));
        return TransactionRecord{std::move(older.reference), std::move(older.attempts),
                                 older.signed_at, std::nullopt};
    }
    return decode_record<TransactionRecord>(data, kTransactionForm);
}
Result<SpendingRecord> decode_spending_record(ByteView data) {
    return decode_record<SpendingRecord>(data);
}
Result<TriggerAction> decode_trigger_action(ByteView data) {
    return decode_record<TriggerAction>(data);
}
Result<Submission> decode_submission(ByteView data) { return decode_record<Submission>(data); }

}  // namespace wavs::types
