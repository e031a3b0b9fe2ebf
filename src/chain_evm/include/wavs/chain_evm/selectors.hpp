// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/chain_evm/numbers.hpp"
#include "wavs/types/ids.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wavs::chain_evm {

/// The first four bytes of call data or revert data, as one big-endian number.
using Selector = std::uint32_t;

/// Functions that the node calls or recognises: docs/protocol/05-evm.md 2.
namespace fn {
inline constexpr Selector kHandleSignedEnvelope = 0xf969ff33;
inline constexpr Selector kGetServiceManager = 0x4dda0b43;
inline constexpr Selector kValidate = 0xcd71589e;
inline constexpr Selector kGetServiceUri = 0xcc922c6a;
inline constexpr Selector kSetServiceUri = 0x5f11301b;
inline constexpr Selector kGetOperatorWeight = 0x98ec1ac9;
inline constexpr Selector kGetLatestOperatorForSigningKey = 0xac7cbfd9;
inline constexpr Selector kGetAllocationManager = 0xa28efd6b;
inline constexpr Selector kGetDelegationManager = 0xb24e5a3a;
inline constexpr Selector kGetStakeRegistry = 0xbef4c839;
inline constexpr Selector kGetLastCheckpointQuorum = 0x7d39f06d;
inline constexpr Selector kBatchSetOperatorDetails = 0x10aea6ff;
inline constexpr Selector kSetQuorumThreshold = 0xdbdc82c3;
inline constexpr Selector kRegisterOperator = 0xc788c520;
inline constexpr Selector kDeregisterOperator = 0xd8cf98ca;
inline constexpr Selector kUpdateOperatorWeight = 0xdec24b18;
inline constexpr Selector kUpdateStakeThreshold = 0x5ef53329;
inline constexpr Selector kUpdateQuorum = 0x530c74c0;
inline constexpr Selector kUpdateOperatorSigningKey = 0x6dc7458d;
}  // namespace fn

struct FunctionEntry {
    Selector selector;
    std::string_view signature;
};
std::span<const FunctionEntry> known_functions();

/// What a caller does about a revert.
enum class RevertClass : std::uint8_t {
    Wait,    ///< may pass later without anybody's doing: weight, registration, block
    Config,  ///< the contracts are set up so that nothing can pass; their owner must act
    Drop,    ///< one of the signatures is bad: find it and drop it
    Ours,    ///< the call was built wrongly
    Hard,    ///< the contract refuses this call, whatever the reason
};
std::string_view to_string(RevertClass revert_class);

struct ErrorEntry {
    Selector selector;
    std::string_view signature;
    RevertClass revert_class;
    /// Part of the service manager's interface; the others come from what stands behind it.
    bool manager_interface;
};
std::span<const ErrorEntry> known_errors();
const ErrorEntry* find_error(Selector selector);

struct EventEntry {
    std::string_view signature;
    types::Bytes32 topic;
};
std::span<const EventEntry> known_events();
const types::Bytes32& service_uri_updated_topic();
const types::Bytes32& quorum_threshold_updated_topic();

/// The three numbers of `InsufficientQuorum`.
struct QuorumWeights {
    U256 signed_weight;
    U256 threshold;
    U256 total;
};

/// A revert in words. Built from anything a contract may return.
struct RevertInfo {
    base::Bytes data;
    /// "SignerNotRegistered", "Error", "Panic"; empty when unknown.
    std::string name;
    /// "SignerNotRegistered (0x3dda1739)", "execution reverted: <message>", or the bytes in hex.
    std::string text;
    RevertClass revert_class = RevertClass::Hard;
    bool manager_interface = false;
    std::optional<QuorumWeights> quorum;
};
RevertInfo decode_revert(base::ByteView data);

}  // namespace wavs::chain_evm
