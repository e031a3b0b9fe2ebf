// SPDX-License-Identifier: Apache-2.0
#include "flat.hpp"
#include "wavs/rt/flat.hpp"

namespace wavs::engine {
namespace {

using rt::FlatReader;

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
    auto out = in.list([&in] { return read_response(in); });
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

base::Result<std::vector<std::uint32_t>> read_indices(base::ByteView flat) {
    FlatReader in(flat);
    std::vector<std::uint32_t> out;
    for (std::uint32_t left = in.u32(); left > 0 && !in.failed(); --left) {
        out.push_back(in.u32());
    }
    if (!in.complete()) {
        return output_error("list of indices");
    }
    return out;
}

}  // namespace wavs::engine
