// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/aggregator_action.hpp"
#include "wavs/types/submission.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::types {

/// What the node stores of its work: docs/protocol/02-records.md. The numbers of the states are
/// stored; never reuse one.

/// Life of an accepted event.
enum class EventState : std::uint8_t {
    Accepted = 1,    ///< journaled, to be run
    Running = 2,     ///< a run has begun; treated as Accepted at start
    Done = 3,        ///< ran; its results are stored
    Failed = 4,      ///< the component failed; waits for retry or skip
    Skipped = 5,     ///< an operator gave it up
    Expired = 6,     ///< too old to be run
    Retracted = 7,   ///< its block is no longer part of the chain
    Superseded = 8,  ///< another node's result made it pointless
    Waiting = 9,     ///< for a chain, an update or an operator's consent
    Parked = 10,     ///< too many attempts ended badly
};

/// Life of one response of a run.
enum class ResultState : std::uint8_t {
    Signed = 1,      ///< stored, to be handed to the aggregator
    Collecting = 2,  ///< signatures are being collected
    Submitting = 3,  ///< a transaction of ours is under way
    Burned = 4,      ///< posted, by us or by another operator
    Failed = 5,      ///< given up
    Superseded = 6,  ///< the handler refuses it, or another result of its event is on chain
    Expired = 7,     ///< quorum did not come in time
    Waiting = 8,     ///< for funds, a chain or an operator
    Retracted = 9,   ///< its event vanished before it was posted
    Parked = 10,     ///< too many attempts ended badly
};

/// Lower-case names, part of the HTTP interface.
std::string_view to_string(EventState state);
std::string_view to_string(ResultState state);
/// No further transition happens by itself.
bool is_final(EventState state);
bool is_final(ResultState state);

/// Keyed by `sequence`, never by the event id: two identical triggers are two events.
struct EventRecord {
    std::uint64_t sequence = 0;
    EventId default_event_id;
    /// The manifest in force when the event was accepted.
    ServiceDigest revision;
    TriggerAction action;
    EventState state = EventState::Accepted;
    std::uint32_t attempts = 0;
    TraceId trace_id;
    Timestamp accepted_at;
    Timestamp updated_at;
    /// Name of the source that delivered it, such as "evm:31337" or "manual".
    std::string source;
    /// Why it is in this state; empty when nothing needs saying.
    std::string reason;
    friend bool operator==(const EventRecord&, const EventRecord&) = default;
};

/// Fills id, trace and state from the action.
EventRecord make_event_record(std::uint64_t sequence, TriggerAction action,
                              const ServiceDigest& revision, Timestamp now, std::string source);

/// One response of a run. Key: (event_sequence, response_index).
struct ResultRecord {
    std::uint64_t event_sequence = 0;
    std::uint32_t response_index = 0;
    Submission submission;
    /// The key that signed.
    EvmAddress signer;
    ResultState state = ResultState::Signed;
    std::uint32_t attempts = 0;
    TraceId trace_id;
    Timestamp created_at;
    Timestamp updated_at;
    std::optional<TxHash> tx_hash;
    std::string reason;
    friend bool operator==(const ResultRecord&, const ResultRecord&) = default;
};

/// Where the results of a queue are posted. The gas price is no part of it: signatures count
/// together whatever each operator would pay.
struct QueueTarget {
    ChainKey chain;
    /// "0x..." or bech32.
    std::string address;
    friend bool operator==(const QueueTarget&, const QueueTarget&) = default;
};
QueueTarget target_of(const SubmitAction& action);

/// A quorum queue: event id and target -> envelope -> signer, even with one operator. Three kinds
/// of record under keys that share a prefix, so that one range read gives a whole queue.
struct QueueRecord {
    EventId event_id;
    QueueTarget target;
    ServiceId service_id;
    WorkflowId workflow_id;
    TraceId trace_id;
    /// Collecting, Submitting, Burned, Superseded, Expired, Waiting or Failed.
    ResultState state = ResultState::Collecting;
    Timestamp opened_at;
    Timestamp updated_at;
    std::optional<TxHash> tx_hash;
    std::string reason;
    friend bool operator==(const QueueRecord&, const QueueRecord&) = default;
};
struct QueueEnvelope {
    TriggerAction trigger_action;
    WasmResponse operator_response;
    Envelope envelope;
    friend bool operator==(const QueueEnvelope&, const QueueEnvelope&) = default;
};
struct QueueSignature {
    EventId event_id;
    Bytes32 envelope_digest;
    EvmAddress signer;
    Signature signature;
    Timestamp received_at;
    /// "self", or the peer that delivered it.
    std::string peer;
    friend bool operator==(const QueueSignature&, const QueueSignature&) = default;
};

/// A submission that was admitted, a peer's or our own: what is shown to peers that missed it, what
/// tells a repetition, and the proof of who signed what. Key: submission_key().
struct SubmissionRecord {
    /// None once the event is settled and peers are no longer told of it.
    std::optional<Submission> submission;
    EvmAddress signer;
    /// Of a peer's: Waiting until its signer is registered, else as of a result.
    ResultState state = ResultState::Signed;
    Timestamp received_at;
    /// "self", or the peer that delivered it.
    std::string peer;
    friend bool operator==(const SubmissionRecord&, const SubmissionRecord&) = default;
};

/// How one of the actions of a result ended.
struct EndedAction {
    ResultState state = ResultState::Burned;
    std::optional<TxHash> tx_hash = {};
    std::string reason = {};
    friend bool operator==(const EndedAction&, const EndedAction&) = default;
};

/// What is left to do of a result whose aggregator component has asked for a timer. Key: that of
/// the result.
struct TimerRecord {
    ServiceId service_id;
    /// Of the timers that wait, as many times as asked for.
    std::vector<Timestamp> due;
    std::vector<SubmitAction> submits;
    std::vector<EndedAction> ended;
    friend bool operator==(const TimerRecord&, const TimerRecord&) = default;
};

/// A transaction that was signed and has no known end. Key: chain, account, nonce.
struct TransactionRecord {
    /// What it is for: the key of a queue; empty when it only fills a gap between nonces.
    base::Bytes reference;
    /// As sent, oldest first: each one replaces the one before.
    std::vector<base::Bytes> attempts;
    Timestamp signed_at;
    /// Whose budget it counts against; none for what no service asked for.
    std::optional<ServiceId> payer;
    friend bool operator==(const TransactionRecord&, const TransactionRecord&) = default;
};

/// What a transaction in a block has cost. Key: chain, day, service, account, nonce.
struct SpendingRecord {
    unsigned __int128 cost = 0;
    friend bool operator==(const SpendingRecord&, const SpendingRecord&) = default;
};

/// Whether a key may sign on this node: docs/protocol/02-records.md 3. The numbers are on disk.
enum class SignerState : std::uint8_t {
    On = 0,         ///< what it has signed is in the ledger here
    Unchecked = 1,  ///< new here; its manager was not asked yet whether it signed elsewhere
    Missing = 2,    ///< new here, and its manager counted it before: what it signed is elsewhere
};

/// No node forgets sooner what it signed, whatever it is told.
inline constexpr std::chrono::hours kLedgerLeastRetention{24 * 90};

/// Keys: event id and the first bytes of the target's hash, then envelope digest, then signer.
inline constexpr std::size_t kQueueTargetSize = 8;
base::Bytes queue_key(const EventId& event, const QueueTarget& target);
base::Bytes queue_key(const EventId& event, const QueueTarget& target,
                      const Bytes32& envelope_digest);
base::Bytes queue_key(const EventId& event, const QueueTarget& target,
                      const Bytes32& envelope_digest, const EvmAddress& signer);
/// Service, event id, signer, envelope digest: what one signer said of one event is side by side.
inline constexpr std::size_t kSubmissionKeySize =
    ServiceId::size() + EventId::size() + EvmAddress::size() + Bytes32::size();
base::Bytes submission_key(const ServiceId& service, const EventId& event, const EvmAddress& signer,
                           const Bytes32& envelope_digest);
base::Bytes submission_prefix(const ServiceId& service, const EventId& event);
/// Big endian, so that keys sort by sequence.
base::Bytes event_key(std::uint64_t sequence);
base::Bytes result_key(std::uint64_t event_sequence, std::uint32_t response_index);
base::Result<std::uint64_t> parse_event_key(base::ByteView key);

/// The index of work (Keyspace::Work), so that a start reads what is open instead of everything.
enum class WorkKind : std::uint8_t {
    OpenEvent = 1,    ///< to be run
    OpenResult = 2,   ///< to be followed to its chain
    FailedEvent = 3,  ///< waits for an operator: failed or parked
};
base::Bytes work_key(WorkKind kind, std::uint64_t event_sequence);
base::Bytes work_key(std::uint64_t event_sequence, std::uint32_t response_index);
/// Where an event in this state stands in the index; none when nobody waits for it.
std::optional<WorkKind> work_of(EventState state);
/// Whether a result in this state is to be followed.
bool is_open(ResultState state);
/// Those of one account on one chain, then by nonce.
base::Bytes transaction_prefix(const ChainKey& chain, const EvmAddress& account);
base::Bytes transaction_key(const ChainKey& chain, const EvmAddress& account, std::uint64_t nonce);

/// Days since 1970, UTC.
base::Bytes spending_prefix(const ChainKey& chain);
base::Bytes spending_key(const ChainKey& chain, std::uint32_t day, const ServiceId& service,
                         const EvmAddress& account, std::uint64_t nonce);
struct SpendingPlace {
    std::uint32_t day = 0;
    ServiceId service;
};
base::Result<SpendingPlace> parse_spending_key(const ChainKey& chain, base::ByteView key);

/// The first byte is the version of the record's form. Decoding survives any bytes; errors:
/// `record_version` (Unsupported, names both versions), `record_corrupt`.
inline constexpr std::uint8_t kRecordVersion = 1;
/// Of a transaction; form 1 had no payer.
inline constexpr std::uint8_t kTransactionForm = 2;
base::Bytes encode(const EventRecord& record);
base::Bytes encode(const ResultRecord& record);
base::Bytes encode(const QueueRecord& record);
base::Bytes encode(const QueueEnvelope& record);
base::Bytes encode(const QueueSignature& record);
base::Bytes encode(const SubmissionRecord& record);
base::Bytes encode(const TimerRecord& record);
base::Bytes encode(const TransactionRecord& record);
base::Bytes encode(const SpendingRecord& record);
base::Bytes encode(const TriggerAction& action);
base::Bytes encode(const Submission& submission);
base::Result<EventRecord> decode_event_record(base::ByteView data);
base::Result<ResultRecord> decode_result_record(base::ByteView data);
base::Result<QueueRecord> decode_queue_record(base::ByteView data);
base::Result<QueueEnvelope> decode_queue_envelope(base::ByteView data);
base::Result<QueueSignature> decode_queue_signature(base::ByteView data);
base::Result<SubmissionRecord> decode_submission_record(base::ByteView data);
base::Result<TimerRecord> decode_timer_record(base::ByteView data);
base::Result<TransactionRecord> decode_transaction_record(base::ByteView data);
base::Result<SpendingRecord> decode_spending_record(base::ByteView data);
base::Result<TriggerAction> decode_trigger_action(base::ByteView data);
base::Result<Submission> decode_submission(base::ByteView data);

}  // namespace wavs::types
