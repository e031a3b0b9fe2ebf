// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/selectors.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/chain_evm/abi.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr auto kFunctions = std::to_array<FunctionEntry>({
    {fn::kHandleSignedEnvelope,
     "handleSignedEnvelope((bytes20,bytes12,bytes),(address[],bytes[],uint32))"},
    {fn::kGetServiceManager, "getServiceManager()"},
    {fn::kValidate, "validate((bytes20,bytes12,bytes),(address[],bytes[],uint32))"},
    {fn::kGetServiceUri, "getServiceURI()"},
    {fn::kSetServiceUri, "setServiceURI(string)"},
    {fn::kGetOperatorWeight, "getOperatorWeight(address)"},
    {fn::kGetLatestOperatorForSigningKey, "getLatestOperatorForSigningKey(address)"},
    {fn::kGetAllocationManager, "getAllocationManager()"},
    {fn::kGetDelegationManager, "getDelegationManager()"},
    {fn::kGetStakeRegistry, "getStakeRegistry()"},
    {fn::kGetLastCheckpointQuorum, "getLastCheckpointQuorum()"},
    {fn::kBatchSetOperatorDetails, "batchSetOperatorDetails(address[],address[],uint256[])"},
    {fn::kSetQuorumThreshold, "setQuorumThreshold(uint256,uint256)"},
    {fn::kRegisterOperator, "registerOperator(address,uint256)"},
    {fn::kDeregisterOperator, "deregisterOperator(address)"},
    {fn::kUpdateOperatorWeight, "updateOperatorWeight(address,uint256)"},
    {fn::kUpdateStakeThreshold, "updateStakeThreshold(uint256)"},
    {fn::kUpdateQuorum, "updateQuorum(uint256,uint256)"},
    {fn::kUpdateOperatorSigningKey, "updateOperatorSigningKey(address,bytes)"},
});

using enum RevertClass;
constexpr auto kErrors = std::to_array<ErrorEntry>({
    {0x4be6321b, "InvalidSignatureLength()", Ours, true},
    {0x898deb1d, "InvalidSignatureBlock()", Wait, true},
    {0x139f3c92, "InvalidSignatureOrder()", Ours, true},
    {0x8baa579f, "InvalidSignature()", Drop, true},
    {0x2f41f79b, "InsufficientQuorumZero()", Wait, true},
    {0x86b16091, "InsufficientQuorum(uint256,uint256,uint256)", Wait, true},
    {0xcc0d6871, "InvalidQuorumParameters()", Config, true},
    {0x3dda1739, "SignerNotRegistered()", Wait, false},
    {0xe121632f, "InsufficientSignedStake()", Wait, false},
    {0xba50f911, "NotSorted()", Ours, false},
    {0xff633a38, "LengthMismatch()", Ours, false},
    {0x947d5a84, "InvalidLength()", Ours, false},
    {0xe64f180f, "InvalidReferenceBlock()", Wait, false},
    {0x960b41ee, "InvalidSignedWeight()", Config, false},
    {0x25ec6c1f, "OperatorNotRegistered()", Config, false},
    {0x42ee68b5, "OperatorAlreadyRegistered()", Config, false},
    {0x29f11e76, "SigningKeyAlreadyAssigned()", Config, false},
    {0xd1735779, "InvalidQuorum()", Config, false},
    {0x585b9263, "InvalidWeight()", Config, false},
    {0x10c748a6, "InvalidAddressZero()", Config, false},
    {0xd349279d, "InvalidThresholdWeight()", Config, false},
    {0x5dfb0494, "InvalidTriggerId(uint64)", Hard, false},
    // Of the handler in contracts/.
    {0x810b1fdd, "EventAlreadyHandled(bytes20)", Hard, false},
    {0xd2c3919e, "UndecodablePayload()", Hard, false},
    {0x7c304359, "InvalidServiceManager(address)", Config, false},
    // Built into Solidity.
    {0x08c379a0, "Error(string)", Hard, false},
    {0x4e487b71, "Panic(uint256)", Hard, false},
});

types::Bytes32 topic(std::string_view hex) {
    return base::parse_fixed_hex<types::Bytes32>(hex).value();
}

const std::array<EventEntry, 2>& events() {
    static const std::array<EventEntry, 2> kEvents{
        {{"ServiceURIUpdated(string)",
          topic("d2f056df94c31bdb3b4e16080f2ac6dbd4233c6001058d94afc3ad1242dff488")},
         {"QuorumThresholdUpdated(uint256,uint256)",
          topic("c33728fb6bc64ec1c5596c946e1406ccdfb7369404098c1d6a5f4a7a29c97b63")}}};
    return kEvents;
}

std::string panic_text(std::uint64_t code) {
    switch (code) {
        case 0x01:
            return "assertion failed";
        case 0x11:
            return "arithmetic overflow";
        case 0x12:
            return "division by zero";
        case 0x32:
            return "array index out of bounds";
        default:
            return fmt::format("code {:#x}", code);
    }
}

std::string printable(std::string_view text) {
    constexpr std::size_t kMost = 512;
    std::string out(text.substr(0, kMost));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return out;
}

// Unknown data may be of any size; the text ends up in logs and callbacks.
std::string short_hex(base::ByteView data) {
    constexpr std::size_t kMost = 512;
    if (data.size() <= kMost) {
        return base::hex0x(data);
    }
    return fmt::format("{}... ({} bytes)", base::hex0x(data.first(kMost)), data.size());
}

void describe_arguments(RevertInfo& info, Selector selector, base::ByteView arguments) {
    if (selector == 0x08c379a0) {
        if (const auto text = decode_string(arguments); text.has_value()) {
            info.text = fmt::format("execution reverted: {} ({})", printable(text.value()),
                                    short_hex(info.data));
        }
    } else if (selector == 0x4e487b71) {
        if (const auto code = decode_uint(arguments); code.has_value()) {
            const auto number = to_u64(code.value()).value_or(~std::uint64_t{0});
            info.text = fmt::format("execution reverted: panic, {} ({})", panic_text(number),
                                    short_hex(info.data));
        }
    } else if (selector == 0x86b16091) {
        const auto a = decode_uint(arguments, 0);
        const auto b = decode_uint(arguments, 1);
        const auto c = decode_uint(arguments, 2);
        if (a.has_value() && b.has_value() && c.has_value()) {
            info.quorum = QuorumWeights{a.value(), b.value(), c.value()};
        }
    }
}

}  // namespace

std::span<const FunctionEntry> known_functions() { return kFunctions; }
std::span<const ErrorEntry> known_errors() { return kErrors; }
std::span<const EventEntry> known_events() { return events(); }
const types::Bytes32& service_uri_updated_topic() { return events()[0].topic; }
const types::Bytes32& quorum_threshold_updated_topic() { return events()[1].topic; }

std::string_view to_string(RevertClass revert_class) {
    static constexpr std::array<std::string_view, 5> kNames{"wait", "config", "drop", "ours",
                                                            "hard"};
    return kNames[static_cast<std::size_t>(revert_class)];
}

const ErrorEntry* find_error(Selector selector) {
    const auto* found = std::find_if(kErrors.begin(), kErrors.end(), [selector](const auto& entry) {
        return entry.selector == selector;
    });
    return found == kErrors.end() ? nullptr : found;
}

RevertInfo decode_revert(base::ByteView data) {
    RevertInfo info;
    info.data = base::to_bytes(data);
    info.text = short_hex(data);
    const auto selector = selector_of(data);
    const auto* entry = data.size() >= 4 ? find_error(selector) : nullptr;
    if (entry == nullptr) {
        return info;
    }
    info.name = std::string(entry->signature.substr(0, entry->signature.find('(')));
    info.text = fmt::format("{} ({})", info.name, short_hex(data));
    info.revert_class = entry->revert_class;
    info.manager_interface = entry->manager_interface;
    describe_arguments(info, selector, data.subspan(4));
    return info;
}

}  // namespace wavs::chain_evm
