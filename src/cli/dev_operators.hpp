// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/devnet.hpp"
#include "wavs/types/json.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wavs::cli {

/// How many of so many operators of equal weight reach two thirds.
constexpr unsigned quorum_of(unsigned operators) { return (2 * operators + 2) / 3; }

/// How a result came onto the chain.
struct Delivery {
    /// Of the transaction that was taken.
    std::vector<types::EvmAddress> signers;
    std::optional<types::EvmAddress> sender;
    /// All that carried this event so far.
    std::size_t transactions = 0;
    std::size_t reverted = 0;
};
Delivery delivery_of(const HandledEvent& result, std::span<const ResultTransaction> sent);

/// The operators of a devnet by number, known by their addresses.
class OperatorNames {
public:
    /// Operator 0 first.
    void add(types::EvmAddress signer, types::EvmAddress sender);

    /// "signed by operators 0 and 2, posted by operator 1, 1 transaction".
    std::string text(const Delivery& delivery) const;
    /// Members of an open object: "signed_by" and "posted_by" (numbers), "transactions",
    /// "reverted", "operators", "quorum". A stranger is null.
    void write_json(types::json::Writer& json, const Delivery& delivery) const;

private:
    std::vector<types::EvmAddress> signers_;
    std::vector<types::EvmAddress> senders_;
};

}  // namespace wavs::cli
