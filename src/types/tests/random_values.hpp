// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/random.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/records.hpp"

namespace wavs::types {

/// Any value that the records can hold, from a seed.
class RandomValues {
public:
    explicit RandomValues(std::uint64_t seed) : random_(seed) {}

    std::uint64_t number() {
        const std::uint64_t bits = random_.below(65);
        return bits == 0 ? 0 : random_.next() >> (64 - bits);
    }
    std::uint32_t small() { return static_cast<std::uint32_t>(number()); }
    base::Bytes bytes() {
        base::Bytes out(random_.below(40));
        random_.fill(out);
        return out;
    }
    std::string text() { return base::as_text(bytes()).data() == nullptr ? "" : letters(); }
    template <typename Fixed>
    Fixed fixed() {
        Fixed out;
        random_.fill(out.array());
        return out;
    }
    template <typename Make>
    auto maybe(Make make) -> std::optional<decltype(make())> {
        return random_.below(2) == 0 ? std::nullopt : std::optional(make());
    }
    Timestamp time() { return {number()}; }
    ChainKey chain() {
        return ChainKey::parse(random_.below(2) == 0 ? "evm:1" : "dev:X_y").value();
    }
    CosmosAddress cosmos() { return CosmosAddress::make("wasm", bytes()).value(); }
    json::Tree tree() {
        return json::parse_tree(R"({"a":[1,-2,0.5,null,true,"\u0001"],"b":{}})").value();
    }

    Trigger trigger() {
        switch (random_.below(7)) {
            case 0:
                return CosmosEventTrigger{cosmos(), chain(), text()};
            case 1:
                return EvmEventTrigger{fixed<EvmAddress>(), chain(), fixed<Bytes32>()};
            case 2:
                return BlockIntervalTrigger{chain(), small(), maybe([&] { return number(); }),
                                            maybe([&] { return number(); })};
            case 3:
                return CronTrigger{text(), maybe([&] { return time(); }),
                                   maybe([&] { return time(); })};
            case 4:
                return AtProtoTrigger{text(), maybe([&] { return text(); }),
                                      maybe([&] { return AtProtoAction::Delete; })};
            case 5:
                return HypercoreTrigger{text()};
            default:
                return ManualTrigger{};
        }
    }

    TriggerData data() {
        switch (random_.below(7)) {
            case 0:
                return CosmosEventData{cosmos(), chain(), text(), {{text(), text()}, {}},
                                       number(), number()};
            case 1:
                return EvmEventData{chain(),  fixed<EvmAddress>(), {fixed<Bytes32>()},
                                    bytes(),  fixed<Bytes32>(),    number(),
                                    number(), fixed<Bytes32>(),    maybe([&] { return number(); }),
                                    number()};
            case 2:
                return BlockIntervalData{chain(), number()};
            case 3:
                return CronData{time()};
            case 4:
                return AtProtoData{static_cast<std::int64_t>(random_.next()),
                                   -static_cast<std::int64_t>(random_.next() >> 1),
                                   text(),
                                   text(),
                                   text(),
                                   AtProtoAction::Update,
                                   maybe([&] { return text(); }),
                                   maybe([&] { return tree(); }),
                                   maybe([&] { return text(); }),
                                   maybe([&] { return small(); })};
            case 5:
                return HypercoreData{text(), number(), bytes()};
            default:
                return RawData{bytes()};
        }
    }

    TriggerAction action() { return {{fixed<ServiceId>(), WorkflowId(), trigger()}, data()}; }
    WasmResponse response() {
        return {bytes(), maybe([&] { return number(); }), maybe([&] { return bytes(); })};
    }
    Submission submission() {
        Submission out{action(), response(), {}, {}, {bytes(), kEvmSignatureKind}};
        out.event_id = event_id_of(out.trigger_action, out.operator_response);
        out.envelope = make_envelope(out.event_id, out.operator_response);
        return out;
    }
    TxHash tx_hash() {
        return random_.below(2) == 0 ? TxHash(EvmTxHash{fixed<Bytes32>()})
                                     : TxHash(CosmosTxHash{text()});
    }
    EventRecord event_record() {
        EventRecord out =
            make_event_record(number(), action(), fixed<ServiceDigest>(), time(), text());
        out.state = static_cast<EventState>(1 + random_.below(10));
        out.attempts = small();
        out.reason = text();
        return out;
    }
    ResultRecord result_record() {
        return {number(),
                small(),
                submission(),
                fixed<EvmAddress>(),
                static_cast<ResultState>(1 + random_.below(10)),
                small(),
                fixed<TraceId>(),
                time(),
                time(),
                maybe([&] { return tx_hash(); }),
                text()};
    }
    QueueRecord queue_record() {
        return {fixed<EventId>(),
                {ChainKey::parse("evm:1").value(), text()},
                fixed<ServiceId>(),
                WorkflowId(),
                fixed<TraceId>(),
                ResultState::Burned,
                time(),
                time(),
                maybe([&] { return tx_hash(); }),
                text()};
    }
    QueueEnvelope queue_envelope() {
        return {action(), response(), make_envelope(fixed<EventId>(), response())};
    }
    QueueSignature queue_signature() {
        return {fixed<EventId>(),
                fixed<Bytes32>(),
                fixed<EvmAddress>(),
                {bytes(), {SignatureAlgorithm::Secp256k1, {}}},
                time(),
                text()};
    }
    SubmitAction submit_action() {
        const auto price = [&] {
            return static_cast<unsigned __int128>(number()) << 64 | static_cast<unsigned>(small());
        };
        if (random_.below(2) == 0) {
            return EvmSubmitAction{chain(), fixed<EvmAddress>(), maybe(price)};
        }
        return CosmosSubmitAction{chain(), cosmos(), maybe(price)};
    }
    TimerRecord timer_record() {
        return {fixed<ServiceId>(),
                {time(), time()},
                {submit_action()},
                {{ResultState::Superseded, maybe([&] { return tx_hash(); }), text()}}};
    }
    TransactionRecord transaction_record() {
        return {bytes(), {bytes(), bytes()}, time(), maybe([&] { return fixed<ServiceId>(); })};
    }

private:
    std::string letters() {
        std::string out;
        for (std::uint64_t i = random_.below(20); i > 0; --i) {
            out.push_back(static_cast<char>(' ' + random_.below(90)));
        }
        return out;
    }

    base::SeededRandom random_;
};

}  // namespace wavs::types
