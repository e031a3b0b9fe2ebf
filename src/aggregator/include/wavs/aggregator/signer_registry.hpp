// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/shared_read.hpp"
#include "wavs/types/pipeline.hpp"
#include "wavs/types/signer_counts.hpp"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace wavs::aggregator {

/// Asks the manager's chain. Callable from any executor.
using CountsLookup = std::function<async::Task<base::Result<types::SignerCounts>>(
    types::ServiceManager manager, types::EvmAddress signer)>;

/// Whose signatures a service's manager counts, for peers' signatures before they are kept: each
/// manager and key is asked about once, by all who want to know at that moment, and the answer
/// holds for a while. Failures are the lookup's, told to all who wait for them and not kept. A peer
/// can make up keys, so what is kept is bounded: the least recently wanted go. Thread-safe. The
/// clock must outlive it.
class SignerRegistry {
public:
    struct Options {
        base::Duration yes_holds = std::chrono::seconds(60);
        /// Short, for operators register while others sign already.
        base::Duration no_holds = std::chrono::seconds(5);
        base::Duration unknown_holds = std::chrono::seconds(60);
        std::size_t most_entries = 10'000;
    };
    SignerRegistry(CountsLookup lookup, const base::Clock& clock, Options options)
        : lookup_(std::move(lookup)), clock_(clock), options_(options) {}
    SignerRegistry(CountsLookup lookup, const base::Clock& clock)
        : SignerRegistry(std::move(lookup), clock, Options()) {}

    async::Task<base::Result<types::SignerCounts>> counts(const types::RegisteredService& service,
                                                          types::EvmAddress signer);
    /// The next question goes to the chain.
    void forget(const types::ServiceManager& manager, const types::EvmAddress& signer);

private:
    /// Chain and address of the manager, key.
    using Key = std::pair<std::string, types::EvmAddress>;
    using Read = async::SharedRead<types::SignerCounts>;
    struct Entry {
        std::shared_ptr<Read> read;
        std::list<Key>::iterator used;
    };
    static Key key_of(const types::ServiceManager& manager, const types::EvmAddress& signer);
    std::shared_ptr<Read> read_of(const Key& key);
    async::Task<base::Result<types::SignerCounts>> ask(types::ServiceManager manager,
                                                       types::EvmAddress signer);

    const CountsLookup lookup_;
    const base::Clock& clock_;
    const Options options_;
    std::mutex mutex_;
    std::map<Key, Entry> entries_;
    /// The most recent first.
    std::list<Key> used_;
};

}  // namespace wavs::aggregator
