// SPDX-License-Identifier: Apache-2.0
#include "dev_operators.hpp"

#include <algorithm>

namespace wavs::cli {
namespace {

using Addresses = std::vector<types::EvmAddress>;

std::optional<std::uint64_t> number_of(const Addresses& all, const types::EvmAddress& one) {
    const auto found = std::find(all.begin(), all.end(), one);
    return found == all.end() ? std::nullopt : std::optional<std::uint64_t>(found - all.begin());
}

/// In the order of the operators; strangers last.
std::vector<std::optional<std::uint64_t>> numbers_of(const Addresses& all, const Addresses& some) {
    std::vector<std::optional<std::uint64_t>> out;
    for (const auto& one : some) {
        out.push_back(number_of(all, one));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return a && b ? *a < *b : a.has_value() && !b.has_value();
    });
    return out;
}

std::string name_of(const std::optional<std::uint64_t>& number) {
    return number ? fmt::format("{}", *number) : "a stranger";
}

std::string listed(const std::vector<std::optional<std::uint64_t>>& numbers) {
    std::string out;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        out += i == 0 ? "" : (i + 1 == numbers.size() ? " and " : ", ");
        out += name_of(numbers[i]);
    }
    return out;
}

void write_number(types::json::Writer& json, const std::optional<std::uint64_t>& number) {
    if (number) {
        json.number(*number);
    } else {
        json.null();
    }
}

}  // namespace

Delivery delivery_of(const HandledEvent& result, std::span<const ResultTransaction> sent) {
    Delivery out;
    for (const auto& one : sent) {
        if (one.event_id != result.event_id) {
            continue;
        }
        ++out.transactions;
        out.reverted += one.reverted ? 1 : 0;
        if (one.tx_hash == result.tx_hash) {
            out.signers = one.signers;
            out.sender = one.sender;
        }
    }
    return out;
}

void OperatorNames::add(types::EvmAddress signer, types::EvmAddress sender) {
    signers_.push_back(signer);
    senders_.push_back(sender);
}

std::string OperatorNames::text(const Delivery& delivery) const {
    const auto numbers = numbers_of(signers_, delivery.signers);
    const auto poster = delivery.sender ? number_of(senders_, *delivery.sender) : std::nullopt;
    auto out =
        fmt::format("signed by operator{} {}, posted by {}{}, {} transaction{}",
                    numbers.size() == 1 ? "" : "s", listed(numbers), poster ? "operator " : "",
                    name_of(poster), delivery.transactions, delivery.transactions == 1 ? "" : "s");
    if (delivery.reverted > 0) {
        out += fmt::format(", {} of them reverted", delivery.reverted);
    }
    return out;
}

void OperatorNames::write_json(types::json::Writer& json, const Delivery& delivery) const {
    json.key("operators");
    json.number(std::uint64_t{signers_.size()});
    json.key("quorum");
    json.number(std::uint64_t{quorum_of(static_cast<unsigned>(signers_.size()))});
    json.key("signed_by");
    json.begin_array();
    for (const auto& number : numbers_of(signers_, delivery.signers)) {
        write_number(json, number);
    }
    json.end_array();
    json.key("posted_by");
    write_number(json, delivery.sender ? number_of(senders_, *delivery.sender) : std::nullopt);
    json.key("transactions");
    json.number(std::uint64_t{delivery.transactions});
    json.key("reverted");
    json.number(std::uint64_t{delivery.reverted});
}

}  // namespace wavs::cli
