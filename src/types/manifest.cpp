// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/manifest.hpp"

#include "wavs/hash/hash.hpp"
#include "wavs/types/manifest_json.hpp"

#include <charconv>

namespace wavs::types {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

constexpr std::string_view kDestinationKey = "destination.";

std::string destination_text(const Destination& destination) {
    std::string out = destination.chain.str() + " " + to_string(destination.address);
    if (destination.max_gas.has_value()) {
        out += fmt::format(" {}", *destination.max_gas);
    }
    return out;
}

Error bad_destination(std::string_view text) {
    return {ErrorKind::Invalid, "destination",
            fmt::format("destination '{}' is not '<chain> <address> [<max gas>]'", text)};
}

Result<Destination> parse_destination(std::string_view text) {
    const std::size_t first = text.find(' ');
    if (first == std::string_view::npos) {
        return bad_destination(text);
    }
    const std::size_t second = text.find(' ', first + 1);
    Destination out;
    WAVS_TRY(out.chain, ChainKey::parse(text.substr(0, first)));
    WAVS_TRY(out.address, parse_evm_address(text.substr(first + 1, second - first - 1)));
    if (second != std::string_view::npos) {
        const std::string_view gas = text.substr(second + 1);
        std::uint64_t value = 0;
        const auto read = std::from_chars(gas.data(), gas.data() + gas.size(), value);
        if (read.ec != std::errc() || read.ptr != gas.data() + gas.size()) {
            return bad_destination(text);
        }
        out.max_gas = value;
    }
    return out;
}

void append_text(base::Bytes& out, std::string_view text) {
    base::append(out, base::as_bytes(text));
}

}  // namespace

const ComponentDigest& digest_of(const ComponentSource& source) {
    return std::visit([](const auto& s) -> const ComponentDigest& { return s.digest; }, source);
}

std::string_view to_string(ServiceStatus status) {
    return status == ServiceStatus::Active ? "active" : "paused";
}

const ChainKey& chain_of(const ServiceManager& manager) {
    return std::visit([](const auto& m) -> const ChainKey& { return m.chain; }, manager);
}

std::string address_text(const ServiceManager& manager) {
    return std::visit([](const auto& m) { return std::string(to_string(m.address)); }, manager);
}

ServiceId service_id_of(const ServiceManager& manager) {
    base::Bytes image;
    if (const auto* evm = std::get_if<EvmManager>(&manager)) {
        append_text(image, "evm");
        append_text(image, evm->chain.str());
        base::append(image, evm->address.view());
    } else {
        const auto& cosmos = std::get<CosmosManager>(manager);
        append_text(image, "cosmos");
        append_text(image, cosmos.chain.str());
        base::append(image, cosmos.address.payload());
    }
    return ServiceId(hash::sha256(image));
}

const Workflow* Service::find(const WorkflowId& workflow) const {
    const auto found = workflows.find(workflow);
    return found == workflows.end() ? nullptr : &found->second;
}

ServiceDigest service_digest(const Service& service) {
    return ServiceDigest(hash::sha256(base::as_bytes(to_json(service))));
}

std::vector<const Component*> components_of(const Service& service) {
    std::vector<const Component*> out;
    for (const auto& [id, workflow] : service.workflows) {
        out.push_back(&workflow.component);
        if (const SubmitAggregator* aggregator = workflow.aggregator()) {
            out.push_back(&aggregator->component);
        }
    }
    return out;
}

const ComponentDigest& embedded_aggregator_digest() {
    static const ComponentDigest kDigest(
        hash::sha256(base::as_bytes("wavs:embedded-aggregator@1")));
    return kDigest;
}

bool is_embedded_aggregator(const Component& component) {
    return digest_of(component.source) == embedded_aggregator_digest();
}

Component embedded_aggregator(const std::vector<Destination>& destinations) {
    Component out;
    out.source = DigestSource{embedded_aggregator_digest()};
    for (std::size_t i = 0; i < destinations.size(); ++i) {
        out.config.emplace(fmt::format("{}{}", kDestinationKey, i),
                           destination_text(destinations[i]));
    }
    return out;
}

Result<std::vector<Destination>> destinations_of(const Component& component) {
    std::vector<Destination> out;
    if (!is_embedded_aggregator(component)) {
        return out;
    }
    for (;;) {
        const auto found = component.config.find(fmt::format("{}{}", kDestinationKey, out.size()));
        if (found == component.config.end()) {
            return out;
        }
        WAVS_TRY(auto destination, parse_destination(found->second));
        out.push_back(std::move(destination));
    }
}

}  // namespace wavs::types
