// SPDX-License-Identifier: Apache-2.0
#include "flat.hpp"

namespace wavs::engine {
namespace {

// Reads flat bytes; the first bad one makes it fail, after that it answers zero and nothing.
class FlatReader {
public:
    explicit FlatReader(base::ByteView flat) : left_(flat) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    base::ByteView bytes() { return take(u32()); }
    std::string_view text() { return base::as_text(bytes()); }
    bool some() {
        const auto tag = u8();
        if (tag > 1) {
            failed_ = true;
        }
        return !failed_ && tag == 1;
    }
    void fail() { failed_ = true; }
    bool failed() const { return failed_; }
    bool complete() const { return !failed_ && left_.empty(); }

private:
    base::ByteView take(std::size_t size) {
        if (failed_ || size > left_.size()) {
            failed_ = true;
            return {};
        }
        const auto out = left_.first(size);
        left_ = left_.subspan(size);
        return out;
    }
    std::uint64_t number(std::size_t size) {
        const auto from = take(size);
        std::uint64_t value = 0;
        for (std::size_t i = from.size(); i > 0; --i) {
            value = (value << 8) | from[i - 1];
        }
        return value;
    }
    base::ByteView left_;
    bool failed_ = false;
};

base::Error output_error(std::string_view what) {
    return {base::ErrorKind::Bug, "rt_output",
            fmt::format("the engine library returned a damaged {}", what)};
}

base::Error action_error(std::size_t index, std::string_view reason) {
    return {base::ErrorKind::Guest, "convert_aggregator_action",
            fmt::format("aggregator action {}: {}", index, reason)};
}

types::WasmResponse read_response(FlatReader& in) {
    types::WasmResponse out;
    out.payload = base::to_bytes(in.bytes());
    if (in.some()) {
        out.ordering = in.u64();
    }
    if (in.some()) {
        out.event_id_salt = base::to_bytes(in.bytes());
    }
    return out;
}

// A submit action as the guest gave it, before its parts are looked at.
struct RawSubmit {
    bool evm = false;
    std::string_view chain;
    base::ByteView address;
    std::uint32_t prefix_size = 0;
    std::optional<unsigned __int128> gas_price;
};

RawSubmit read_submit(FlatReader& in) {
    RawSubmit out;
    const auto which = in.u8();
    out.evm = which == 0;
    if (which > 1) {
        in.fail();
    }
    out.chain = in.text();
    out.address = in.bytes();
    if (!out.evm) {
        out.prefix_size = in.u32();
    }
    if (in.some()) {
        const std::uint64_t low = in.u64();
        const std::uint64_t high = in.u64();
        out.gas_price = (static_cast<unsigned __int128>(high) << 64) | low;
    }
    return out;
}

base::Result<types::SubmitAction> convert_evm(const RawSubmit& raw, types::ChainKey chain,
                                              std::size_t index) {
    if (raw.address.size() != types::EvmAddress::kSize) {
        return action_error(
            index, fmt::format("an EVM address has 20 bytes, this one {}", raw.address.size()));
    }
    const auto address = types::EvmAddress::from(
        std::span<const std::uint8_t, types::EvmAddress::kSize>(raw.address));
    return types::SubmitAction(types::EvmSubmitAction{
        .chain = std::move(chain), .address = address, .gas_price = raw.gas_price});
}

base::Result<types::SubmitAction> convert_cosmos(const RawSubmit& raw, types::ChainKey chain,
                                                 std::size_t index) {
    auto address = types::CosmosAddress::parse(base::as_text(raw.address));
    if (!address.has_value()) {
        return action_error(index, address.error().message());
    }
    if (address.value().prefix().size() != raw.prefix_size) {
        return action_error(index,
                            fmt::format("the address has a prefix of {} bytes, the action says {}",
                                        address.value().prefix().size(), raw.prefix_size));
    }
    return types::SubmitAction(types::CosmosSubmitAction{.chain = std::move(chain),
                                                         .address = std::move(address.value()),
                                                         .gas_price = raw.gas_price});
}

base::Result<types::AggregatorAction> convert_submit(const RawSubmit& raw, std::size_t index) {
    auto chain = types::ChainKey::parse(raw.chain);
    if (!chain.has_value()) {
        return action_error(index, chain.error().message());
    }
    WAVS_TRY(auto action, raw.evm ? convert_evm(raw, std::move(chain.value()), index)
                                  : convert_cosmos(raw, std::move(chain.value()), index));
    return types::AggregatorAction(std::move(action));
}

}  // namespace

base::Result<std::vector<types::WasmResponse>> read_responses(base::ByteView flat) {
    FlatReader in(flat);
    std::vector<types::WasmResponse> out;
    for (std::uint32_t left = in.u32(); left > 0 && !in.failed(); --left) {
        out.push_back(read_response(in));
    }
    if (!in.complete()) {
        return output_error("list of responses");
    }
    return out;
}

base::Result<std::vector<types::AggregatorAction>> read_actions(base::ByteView flat) {
    FlatReader in(flat);
    std::vector<types::AggregatorAction> out;
    const std::uint32_t count = in.u32();
    for (std::uint32_t index = 0; index < count && !in.failed(); ++index) {
        const auto which = in.u8();
        if (which == 0) {
            out.emplace_back(types::TimerAction{.delay_secs = in.u64()});
        } else if (which == 1) {
            const auto raw = read_submit(in);
            if (in.failed()) {
                break;
            }
            WAVS_TRY(auto action, convert_submit(raw, index));
            out.push_back(std::move(action));
        } else {
            in.fail();
        }
    }
    if (!in.complete()) {
        return output_error("list of actions");
    }
    return out;
}

}  // namespace wavs::engine
