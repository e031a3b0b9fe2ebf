// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/service_manager.hpp"

#include "wavs/async/shared_read.hpp"

#include <boost/multiprecision/cpp_int.hpp>

#include <limits>
#include <map>
#include <mutex>

namespace wavs::chain_evm {
namespace {

constexpr auto kHolds = std::chrono::milliseconds(200);
constexpr std::string_view kLookup = "Unable to look up service manager from service handler";

base::Error lookup_error(std::string detail) {
    return {base::ErrorKind::Unavailable, "manager_lookup_failed",
            fmt::format("{}: {}", kLookup, detail)};
}

base::Error prefixed(base::ErrorCode code, std::string_view prefix, const base::Error& error) {
    return {error.kind(), code, fmt::format("{}: {}", prefix, error.message())};
}

// What the contract itself said, by a revert or by an answer of another form. An endpoint that
// could not be asked, or that serves another chain, says nothing about it.
bool knows_no_keys(const base::Error& error) {
    return error.kind() == base::ErrorKind::Invalid &&
           (error.code() == base::ErrorCode("manager_call_failed") ||
            error.code() == base::ErrorCode("abi_invalid"));
}

std::string revert_text(const Reverted& revert) {
    return revert.info.data.empty() ? revert.message : revert.info.text;
}

boost::multiprecision::cpp_int to_int(const U256& value) {
    boost::multiprecision::cpp_int out;
    import_bits(out, value.array().begin(), value.array().end());
    return out;
}

U256 to_word(const boost::multiprecision::cpp_int& value) {
    base::Bytes bytes;
    export_bits(value, std::back_inserter(bytes), 8);
    U256 out;
    for (std::size_t i = 0; i < bytes.size() && i < 32; ++i) {
        out.array()[31 - i] = bytes[bytes.size() - 1 - i];
    }
    return out;
}

std::string quorum_text(const QuorumWeights& weights) {
    return fmt::format("Insufficient Quorum: weight {} < threshold {} (total weight: {})",
                       to_decimal(weights.signed_weight), to_decimal(weights.threshold),
                       to_decimal(weights.total));
}

}  // namespace

struct ServiceManagerClient::Reads {
    explicit Reads(const base::Clock& time) : clock(time), head(clock, kHolds) {}

    std::shared_ptr<async::SharedRead<types::EvmAddress>> manager_of(
        const types::EvmAddress& handler) {
        const std::lock_guard lock(mutex);
        auto& slot = managers[handler];
        if (!slot) {
            slot = std::make_shared<async::SharedRead<types::EvmAddress>>(clock, kHolds);
        }
        return slot;
    }
    void forget() {
        head.forget();
        const std::lock_guard lock(mutex);
        managers.clear();
    }

    const base::Clock& clock;
    async::SharedRead<std::uint64_t> head;
    std::mutex mutex;
    std::map<types::EvmAddress, std::shared_ptr<async::SharedRead<types::EvmAddress>>> managers;
};

ServiceManagerClient::ServiceManagerClient(RpcClient client, const base::Clock& clock)
    : client_(std::move(client)), reads_(std::make_shared<Reads>(clock)) {}

void ServiceManagerClient::on_head() {
    if (reads_) {
        reads_->forget();
    }
}

async::Task<base::Result<base::Bytes>> ServiceManagerClient::read(types::EvmAddress contract,
                                                                  base::Bytes call, BlockRef at) {
    CallRequest request;
    request.to = contract;
    request.data = std::move(call);
    auto outcome = co_await client_.call(std::move(request), at);
    if (!outcome.has_value()) {
        co_return std::move(outcome.error());
    }
    if (const auto* revert = std::get_if<Reverted>(&outcome.value())) {
        co_return base::Error(
            base::ErrorKind::Invalid, "manager_call_failed",
            fmt::format("{}: {}", types::to_checksum_string(contract), revert_text(*revert)));
    }
    co_return std::get<base::Bytes>(std::move(outcome.value()));
}

async::Task<base::Result<std::string>> ServiceManagerClient::get_service_uri(
    types::EvmAddress manager, BlockRef at) {
    WAVS_CO_TRY(auto data, co_await read(manager, encode_call(fn::kGetServiceUri), at));
    auto uri = decode_string(data);
    if (!uri.has_value()) {
        co_return base::Error(
            base::ErrorKind::Invalid, "manager_call_failed",
            fmt::format("{}: getServiceURI: {}", types::to_checksum_string(manager),
                        uri.error().message()),
            "check that the address is a service manager of this chain");
    }
    co_return uri;
}

async::Task<base::Result<types::EvmAddress>> ServiceManagerClient::get_service_manager(
    types::EvmAddress handler) {
    if (!reads_) {
        co_return co_await look_up_manager(handler);
    }
    const auto shared = reads_->manager_of(handler);
    co_return co_await shared->get([this, handler] { return look_up_manager(handler); });
}

async::Task<base::Result<std::uint64_t>> ServiceManagerClient::head() {
    if (!reads_) {
        co_return co_await client_.block_number();
    }
    co_return co_await reads_->head.get([this] { return client_.block_number(); });
}

async::Task<base::Result<types::EvmAddress>> ServiceManagerClient::look_up_manager(
    types::EvmAddress handler) {
    auto data = co_await read(handler, encode_call(fn::kGetServiceManager));
    if (!data.has_value() && data.error().kind() == base::ErrorKind::Cancelled) {
        co_return std::move(data.error());
    }
    if (!data.has_value()) {
        // A contract that reverts may stand behind a proxy: it can get the function later.
        co_return lookup_error(data.error().message());
    }
    if (data.value().empty()) {
        co_return lookup_error(fmt::format("{} has no code, or no getServiceManager()",
                                           types::to_checksum_string(handler)));
    }
    auto manager = decode_address(data.value());
    if (!manager.has_value()) {
        co_return lookup_error(manager.error().message());
    }
    if (manager.value().is_zero()) {
        co_return lookup_error("the handler names no service manager (zero address)");
    }
    // A call to an account without code succeeds with nothing, which `validate` would pass for.
    auto code = co_await client_.code(manager.value());
    if (!code.has_value()) {
        co_return prefixed("manager_lookup_failed", kLookup, code.error());
    }
    if (code.value().empty()) {
        co_return lookup_error(fmt::format("the service manager {} has no code",
                                           types::to_checksum_string(manager.value())));
    }
    co_return manager.value();
}

async::Task<base::Result<U256>> ServiceManagerClient::operator_weight(
    types::EvmAddress manager, types::EvmAddress operator_address, BlockRef at) {
    auto call = encode_call(fn::kGetOperatorWeight, {AbiValue::address(operator_address)});
    WAVS_CO_TRY(auto data, co_await read(manager, std::move(call), at));
    co_return decode_uint(data);
}

async::Task<base::Result<std::optional<types::EvmAddress>>>
ServiceManagerClient::operator_for_signing_key(types::EvmAddress manager,
                                               types::EvmAddress signing_key, BlockRef at) {
    auto call = encode_call(fn::kGetLatestOperatorForSigningKey, {AbiValue::address(signing_key)});
    WAVS_CO_TRY(auto data, co_await read(manager, std::move(call), at));
    WAVS_CO_TRY(auto found, decode_address(data));
    co_return found.is_zero() ? std::optional<types::EvmAddress>() : std::optional(found);
}

async::Task<base::Result<U256>> ServiceManagerClient::key_weight(types::EvmAddress manager,
                                                                 types::EvmAddress signing_key,
                                                                 BlockRef at) {
    WAVS_CO_TRY(const auto registered, co_await operator_for_signing_key(manager, signing_key, at));
    if (!registered) {
        co_return U256();
    }
    co_return co_await operator_weight(manager, *registered, at);
}

async::Task<base::Result<types::SignerCounts>> ServiceManagerClient::counts(
    types::EvmAddress manager, types::EvmAddress signing_key) {
    using types::SignerCounts;
    const auto registered = co_await operator_for_signing_key(manager, signing_key);
    if (!registered.has_value() && knows_no_keys(registered.error())) {
        co_return SignerCounts::Unknown;
    }
    if (!registered.has_value()) {
        co_return registered.error();
    }
    if (!registered.value()) {
        co_return SignerCounts::No;
    }
    WAVS_CO_TRY(const auto weight, co_await operator_weight(manager, *registered.value()));
    co_return weight.is_zero() ? SignerCounts::No : SignerCounts::Yes;
}

async::Task<base::Result<std::uint32_t>> ServiceManagerClient::reference_block() {
    const auto newest = co_await head();
    if (!newest.has_value()) {
        co_return prefixed("block_number_failed", "Block number", newest.error());
    }
    const auto block = newest.value() == 0 ? 0 : newest.value() - 1;
    // The largest uint32 means "latest" to known registries.
    if (block >= std::numeric_limits<std::uint32_t>::max()) {
        co_return base::Error(
            base::ErrorKind::Unsupported, "block_number_failed",
            fmt::format("Block number: {} does not fit the contracts' uint32", block));
    }
    co_return static_cast<std::uint32_t>(block);
}

// Some proof-of-authority registries report the numerator of their quorum where the threshold
// belongs.
async::Task<base::Result<InsufficientQuorum>> ServiceManagerClient::explain_quorum(
    types::EvmAddress manager, QuorumWeights weights) {
    const auto reported = to_int(weights.threshold);
    const bool suspicious = reported <= 0xffff || to_int(weights.signed_weight) >= reported;
    if (suspicious) {
        const auto registry = co_await read(manager, encode_call(fn::kGetStakeRegistry));
        const auto quorum = co_await read(manager, encode_call(fn::kGetLastCheckpointQuorum));
        const bool own_registry = !registry.has_value() || registry.value().empty() ||
                                  (decode_address(registry.value()).has_value() &&
                                   decode_address(registry.value()).value().is_zero());
        const auto& pair = quorum.has_value() ? quorum.value() : base::Bytes();
        const auto numerator = decode_uint(pair, 0);
        const auto denominator = decode_uint(pair, 1);
        if (own_registry && numerator.has_value() && denominator.has_value() &&
            numerator.value() == weights.threshold && !denominator.value().is_zero()) {
            const auto den = to_int(denominator.value());
            const boost::multiprecision::cpp_int least =
                (to_int(weights.total) * reported + den - 1) / den;
            weights.threshold = to_word(least);
        }
    }
    InsufficientQuorum out;
    out.text = quorum_text(weights);
    out.weights = weights;
    co_return std::move(out);
}

async::Task<base::Result<ValidateOutcome>> ServiceManagerClient::validate(
    types::EvmAddress handler, types::Envelope envelope, std::vector<SignerSignature> signatures) {
    WAVS_CO_TRY(auto manager, co_await get_service_manager(handler));
    WAVS_CO_TRY(auto block, co_await reference_block());
    auto data = make_signature_data(std::move(signatures), block);
    CallRequest request;
    request.to = manager;
    request.data = encode_validate(envelope, data);
    auto outcome = co_await client_.call(std::move(request));
    if (!outcome.has_value()) {
        co_return prefixed("validate_failed", "Service manager validate()", outcome.error());
    }
    const auto* revert = std::get_if<Reverted>(&outcome.value());
    if (revert == nullptr) {
        co_return ValidateOutcome(QuorumReached{manager, std::move(data)});
    }
    if (revert->info.quorum) {
        WAVS_CO_TRY(auto insufficient, co_await explain_quorum(manager, *revert->info.quorum));
        co_return ValidateOutcome(std::move(insufficient));
    }
    auto text = "Service manager validate(): " + revert_text(*revert);
    if (revert->info.revert_class == RevertClass::Wait) {
        co_return ValidateOutcome(ValidateWait{revert->info, std::move(text)});
    }
    co_return ValidateOutcome(ValidateRefused{revert->info, std::move(text)});
}

}  // namespace wavs::chain_evm
