// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scenario.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace wavs::e2e {

/// Several operators of one echoing service, each with a node of its own among its peers, on a
/// chain with a block each second. Node n is operator n.
class Operators : public Scenario {
protected:
    /// What `echo` answers when the event says "envvar:" with this name.
    static constexpr std::string_view kAnswer = "WAVS_ENV_ANSWER";

    struct Setup {
        unsigned nodes = 3;
        /// Of the operators; more of them than nodes are some whose node never starts.
        std::vector<std::uint64_t> weights{10'000, 10'000, 10'000};
        cli::QuorumRule quorum;
        std::string_view component = "echo";
        /// How the aggregator component chooses among signatures; empty: it has no say.
        std::string_view selection;
        /// The first node's component is told another `kAnswer` than those of the others.
        bool first_lies = false;
        /// What a block of the chain holds; 0: all there is.
        std::uint64_t block_gas = 0;
    };
    /// Until each node has the service, its triggers, and all others as peers.
    void begin(const Setup& setup);
    /// One more node that has the service, of nobody the manager knows.
    void add_stranger(unsigned node);
    /// `contracts_` with a handler in front of which nobody checks anything, repeats included.
    void take_careless_handler();

    cli::FiredEvent fire(std::string_view input);
    void kill(unsigned node) { must(devnet_->kill_node(node)); }
    /// Until it is among its peers again.
    void restart(unsigned node, std::size_t peers);
    /// The manager knows it no more. Its node goes on.
    void deregister(unsigned node);
    /// No packet passes between nodes of the two sides, until `heal`; all reach the chain. Only in
    /// a network of our own (own_network.sh).
    void cut(const std::vector<unsigned>& side, const std::vector<unsigned>& other_side);
    void heal();
    /// Until that node knows of so many events that they are on chain, by itself or by others,
    /// since its start. From then on it posts nothing for them.
    void wait_settled(unsigned node, std::size_t events, base::Duration patience = kPatience);
    /// Whether the node was told by the manager, for this reason, that it is not time to post.
    bool refused_for(unsigned node, std::string_view reason);
    /// How many submissions of peers came to this, by the node's metrics.
    double peers_submissions(unsigned node, std::string_view outcome);
    double taken_from_peers(unsigned node) { return peers_submissions(node, "accepted"); }
    static bool signs(const cli::ResultTransaction& sent, const types::EvmAddress& who);
    /// Whether the node's log tells of it.
    bool logged(unsigned node, std::string_view text) const;
    /// Transactions with results, all of them taken, no two for one event.
    std::vector<cli::ResultTransaction> expect_one_transaction_each(std::size_t events);

    types::Service service_;
    std::vector<cli::SignerReply> signers_;

private:
    void give_service(unsigned node);
    std::string shell(std::string script);
    /// The process at the near end, by the ports of both ends.
    std::map<std::pair<unsigned, unsigned>, int> connections();
    void change_rules(std::string_view what);
    bool careless_ = false;
    std::vector<std::pair<unsigned, unsigned>> cuts_;
};

}  // namespace wavs::e2e
