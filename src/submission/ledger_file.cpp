// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/ledger_file.hpp"

#include "ledger_entry.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace wavs::submission {
namespace {

namespace json = types::json;
using storage::Keyspace;

constexpr std::string_view kFormat = "wavs-ledger";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kAtOnce = 1'000;

base::Error unreadable(std::string why) {
    return {base::ErrorKind::Invalid, "ledger_file", "the ledger file cannot be used: " + why,
            "use a file that wavs ledger export has written, whole"};
}

std::string line_of(const LedgerKey& key, const LedgerEntry& entry) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    const auto text = [&writer](std::string_view name, std::string_view value) {
        writer.key(name);
        writer.string(value);
    };
    text("signer", types::to_string(key.signer));
    text("service_id", types::to_string(key.service));
    text("workflow_id", key.workflow.str());
    text("event_id", types::to_string(key.event));
    text("envelope_hash", types::to_string(entry.digest));
    writer.key("signed_at_ns");
    writer.number(entry.signed_at.nanos);
    writer.end_object();
    return out;
}

struct Read {
    std::set<types::EvmAddress> signers;
    std::vector<std::pair<LedgerKey, LedgerEntry>> entries;
};

base::Result<std::pair<LedgerKey, LedgerEntry>> read_entry(const json::Value& value) {
    WAVS_TRY(const auto fields,
             json::Fields::of(value, {"signer", "service_id", "workflow_id", "event_id",
                                      "envelope_hash", "signed_at_ns"}));
    std::pair<LedgerKey, LedgerEntry> out;
    auto& [key, entry] = out;
    WAVS_TRY(const auto signer, fields.required("signer"));
    WAVS_TRY(key.signer, json::read_evm_address(signer));
    WAVS_TRY(const auto service, fields.required("service_id"));
    WAVS_TRY(key.service, json::read_service_id(service));
    WAVS_TRY(const auto workflow, fields.required("workflow_id"));
    WAVS_TRY(key.workflow, json::read_workflow_id(workflow));
    WAVS_TRY(const auto event, fields.required("event_id"));
    WAVS_TRY(key.event, json::read_event_id(event));
    WAVS_TRY(const auto hash, fields.required("envelope_hash"));
    WAVS_TRY(entry.digest, json::read_bytes32(hash));
    WAVS_TRY(const auto signed_at, fields.required("signed_at_ns"));
    WAVS_TRY(entry.signed_at.nanos, json::read_u64(signed_at));
    return out;
}

base::Result<Read> read_document(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields,
             json::Fields::of(document.root(),
                              {"format", "version", "exported_at_ns", "signers", "entries"}));
    WAVS_TRY(const auto format, fields.required("format"));
    WAVS_TRY(const auto format_text, json::read_string(format));
    WAVS_TRY(const auto version, fields.required("version"));
    WAVS_TRY(const auto version_number, json::read_u64(version));
    if (format_text != kFormat || version_number != kVersion) {
        return unreadable(fmt::format("it is {:?} of version {}, expected {:?} of version {}",
                                      format_text, version_number, kFormat, kVersion));
    }
    Read out;
    WAVS_TRY(const auto signers, fields.required("signers"));
    for (const auto& item : signers.items()) {
        WAVS_TRY(const auto signer, json::read_evm_address(item));
        out.signers.insert(signer);
    }
    WAVS_TRY(const auto entries, fields.required("entries"));
    for (const auto& item : entries.items()) {
        WAVS_TRY(auto entry, read_entry(item));
        if (!out.signers.contains(entry.first.signer)) {
            return unreadable(fmt::format("it has entries of {}, which is not among its signers",
                                          types::to_string(entry.first.signer)));
        }
        out.entries.push_back(std::move(entry));
    }
    return out;
}

base::Error conflict(const LedgerKey& key) {
    return {base::ErrorKind::Conflict, "ledger_conflict",
            fmt::format("{} signed one result for event {} of service {} here and another one "
                        "there: nothing is imported",
                        types::to_checksum_string(key.signer), types::to_string(key.event),
                        types::to_string(key.service)),
            "two nodes signed with this key; keep both ledgers as evidence and ask the service's "
            "owner for a new key"};
}

// Every signer of this node, and every one that the ledger has entries of.
base::Result<std::set<types::EvmAddress>> signers_of(const storage::Store& store) {
    std::set<types::EvmAddress> out;
    storage::Scan scan{.limit = 1};
    while (true) {
        WAVS_TRY(const auto first, store.scan(Keyspace::Ledger, scan));
        if (first.empty()) {
            break;
        }
        WAVS_TRY(const auto key, read_ledger_key(first[0].key));
        out.insert(key.signer);
        // Behind all entries of this signer.
        scan.from = base::to_bytes(key.signer.view());
        scan.from.resize(scan.from.size() + 64, 0xff);
    }
    WAVS_TRY(const auto states, store.scan(Keyspace::SignerStates, {}));
    for (const auto& [key, value] : states) {
        if (key.size() == types::EvmAddress::kSize && value == encode(types::SignerState::On)) {
            types::EvmAddress signer;
            std::copy(key.begin(), key.end(), signer.array().begin());
            out.insert(signer);
        }
    }
    return out;
}

base::Result<std::size_t> write_entries(const storage::Store& store, base::ByteView prefix,
                                        const LedgerSink& write) {
    storage::Scan scan{.prefix = base::to_bytes(prefix), .limit = kAtOnce};
    std::size_t count = 0;
    while (true) {
        WAVS_TRY(const auto entries, store.scan(Keyspace::Ledger, scan));
        for (const auto& [stored_key, value] : entries) {
            WAVS_TRY(const auto key, read_ledger_key(stored_key));
            WAVS_TRY(const auto entry, decode_ledger_entry(value));
            WAVS_TRY(write((count++ == 0 ? "\n  " : ",\n  ") + line_of(key, entry)));
        }
        if (entries.size() < kAtOnce) {
            return count;
        }
        scan.from = entries.back().key;
        scan.from.push_back(0);
    }
}

}  // namespace

base::Result<std::size_t> export_ledger(const storage::Store& store,
                                        std::optional<types::EvmAddress> signer,
                                        types::Timestamp now, const LedgerSink& write) {
    WAVS_TRY(auto signers, signers_of(store));
    if (signer && !signers.contains(*signer)) {
        return base::Error(
            base::ErrorKind::NotFound, "signer_unknown",
            fmt::format("this node has never signed as {}", types::to_checksum_string(*signer)),
            "leave the address out to export everything");
    }
    if (signer) {
        signers = {*signer};
    }
    std::string names;
    for (const auto& one : signers) {
        names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", types::to_string(one));
    }
    WAVS_TRY(write(fmt::format(
        "{{\"format\":\"{}\",\"version\":{},\"exported_at_ns\":{},\n \"signers\":[{}],\n "
        "\"entries\":[",
        kFormat, kVersion, now.nanos, names)));
    WAVS_TRY(const auto count,
             write_entries(store, signer ? signer->view() : base::ByteView(), write));
    WAVS_TRY(write("\n ]}\n"));
    return count;
}

async::Task<base::Result<LedgerImport>> import_ledger(storage::Store& store, std::string document,
                                                      types::Timestamp now) {
    auto read = read_document(document);
    if (!read.has_value()) {
        co_return read.error().code() == base::ErrorCode("ledger_file")
            ? read.error()
            : unreadable(read.error().message());
    }
    LedgerImport out;
    out.entries = read.value().entries.size();
    out.signers = read.value().signers.size();
    std::vector<std::pair<LedgerKey, LedgerEntry>> fresh;
    for (auto& [key, entry] : read.value().entries) {
        WAVS_CO_TRY(const auto stored, store.get(Keyspace::Ledger, storage_key(key)));
        if (!stored) {
            // A clock that was ahead must not keep it from ever being forgotten.
            entry.signed_at = std::min(entry.signed_at, now);
            fresh.emplace_back(std::move(key), entry);
            continue;
        }
        WAVS_CO_TRY(const auto here, decode_ledger_entry(*stored));
        if (here.digest != entry.digest) {
            co_return conflict(key);
        }
        ++out.known;
    }
    storage::Batch batch;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        const auto& [key, entry] = fresh[i];
        batch.put(Keyspace::Ledger, storage_key(key), encode(entry));
        if (batch.operations().size() == kAtOnce) {
            WAVS_CO_TRY(store.write_unsynced(std::exchange(batch, {})));
        }
    }
    // Last, and what was written before is on disk with it: a key signs only when all that it
    // signed is here.
    for (const auto& signer : read.value().signers) {
        batch.put(Keyspace::SignerStates, signer.view(), encode(types::SignerState::On));
    }
    WAVS_CO_TRY(co_await store.commit(std::move(batch)));
    co_return out;
}

}  // namespace wavs::submission
