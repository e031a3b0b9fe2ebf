// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/contracts.hpp"

#include "wavs/base/assert.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/cli/embedded.hpp"
#include "wavs/hash/hash.hpp"

#include <algorithm>

namespace wavs::cli {
namespace {

using chain_evm::AbiValue;

base::Result<base::Bytes> creation_code(std::string_view name,
                                        const std::vector<AbiValue>& arguments) {
    const auto contracts = embedded_contracts();
    const auto found = std::find_if(contracts.begin(), contracts.end(),
                                    [&](const auto& contract) { return contract.name == name; });
    WAVS_ASSERT(found != contracts.end());
    WAVS_TRY(auto code, base::parse_hex(found->bytecode));
    base::append(code, chain_evm::encode_arguments(arguments));
    return code;
}

base::Error unexpected_log(std::string_view event) {
    return {base::ErrorKind::Invalid, "log_unexpected",
            fmt::format("a log is not a {} event", event),
            "check that the contract is the one of this version"};
}

base::Result<std::uint64_t> small_number(const chain_evm::U256& word, std::string_view event) {
    const auto number = chain_evm::to_u64(word);
    if (!number) {
        return unexpected_log(event);
    }
    return *number;
}

}  // namespace

base::Result<base::Bytes> deploy_manager_data(const types::EvmAddress& owner,
                                              const QuorumRule& rule) {
    return creation_code("PoaServiceManager",
                         {AbiValue::address(owner), AbiValue::uint(rule.threshold_weight),
                          AbiValue::uint(rule.numerator), AbiValue::uint(rule.denominator)});
}

base::Result<base::Bytes> deploy_handler_data(const types::EvmAddress& manager) {
    return creation_code("ServiceHandler", {AbiValue::address(manager)});
}

base::Result<base::Bytes> deploy_trigger_data() { return creation_code("Trigger", {}); }

types::Bytes32 topic_for(std::string_view signature) {
    return types::Bytes32(hash::keccak256(base::as_bytes(signature)));
}

chain_evm::Selector selector_for(std::string_view signature) {
    return chain_evm::selector_of(topic_for(signature).view());
}

base::Bytes set_service_uri_call(std::string_view uri) {
    return chain_evm::encode_call(chain_evm::fn::kSetServiceUri, {AbiValue::string(uri)});
}

base::Bytes register_operator_call(const types::EvmAddress& address, std::uint64_t weight) {
    return chain_evm::encode_call(chain_evm::fn::kRegisterOperator,
                                  {AbiValue::address(address), AbiValue::uint(weight)});
}

base::Bytes update_signing_key_call(const types::EvmAddress& signing_key,
                                    const crypto::RecoverableSignature& proof) {
    return chain_evm::encode_call(chain_evm::fn::kUpdateOperatorSigningKey,
                                  {AbiValue::address(signing_key), AbiValue::bytes(proof.view())});
}

base::Bytes add_trigger_call(base::ByteView data) {
    return chain_evm::encode_call(selector_for("addTrigger(bytes)"), {AbiValue::bytes(data)});
}

types::Bytes32 possession_message(const types::EvmAddress& operator_address) {
    return types::Bytes32(
        hash::keccak256(chain_evm::encode_arguments({AbiValue::address(operator_address)})));
}

crypto::RecoverableSignature prove_possession(const types::EvmAddress& operator_address,
                                              const crypto::EvmSigner& signing_key) {
    return signing_key.sign(possession_message(operator_address));
}

const types::Bytes32& new_trigger_topic() {
    static const auto kTopic = topic_for("NewTrigger(bytes)");
    return kTopic;
}

const types::Bytes32& envelope_handled_topic() {
    static const auto kTopic = topic_for("EnvelopeHandled(bytes20,uint64,bytes)");
    return kTopic;
}

base::Result<NewTriggerLog> read_new_trigger(const chain_evm::EvmLog& log) {
    constexpr std::string_view kEvent = "NewTrigger";
    if (log.topics.empty() || log.topics[0] != new_trigger_topic()) {
        return unexpected_log(kEvent);
    }
    WAVS_TRY(const auto wrapped, chain_evm::decode_bytes(log.data));
    // One dynamic tuple: its offset, which is 32, then its members.
    constexpr std::size_t kWord = 32;
    if (wrapped.size() < kWord) {
        return unexpected_log(kEvent);
    }
    const auto tuple = base::ByteView(wrapped).subspan(kWord);
    NewTriggerLog out;
    WAVS_TRY(const auto id, chain_evm::decode_uint(tuple, 0));
    WAVS_TRY(out.trigger_id, small_number(id, kEvent));
    if (tuple.size() < 2 * kWord) {
        return unexpected_log(kEvent);
    }
    WAVS_TRY(out.creator, chain_evm::decode_address(tuple.subspan(kWord)));
    WAVS_TRY(out.data, chain_evm::decode_bytes(tuple, 2));
    return out;
}

base::Result<EnvelopeHandledLog> read_envelope_handled(const chain_evm::EvmLog& log) {
    constexpr std::string_view kEvent = "EnvelopeHandled";
    if (log.topics.size() != 3 || log.topics[0] != envelope_handled_topic()) {
        return unexpected_log(kEvent);
    }
    EnvelopeHandledLog out;
    // bytes20 is left-aligned in its topic.
    out.event_id = types::EventId::from(std::span(log.topics[1].array()).first<20>());
    WAVS_TRY(out.trigger_id, small_number(chain_evm::U256(log.topics[2].array()), kEvent));
    WAVS_TRY(out.data, chain_evm::decode_bytes(log.data));
    return out;
}

}  // namespace wavs::cli
