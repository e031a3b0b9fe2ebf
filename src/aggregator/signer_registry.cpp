// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/signer_registry.hpp"

namespace wavs::aggregator {

SignerRegistry::Key SignerRegistry::key_of(const types::ServiceManager& manager,
                                           const types::EvmAddress& signer) {
    return {fmt::format("{} {}", types::chain_of(manager).str(), types::address_text(manager)),
            signer};
}

// What the caller refers to need not outlive the wait.
async::Task<base::Result<types::SignerCounts>> SignerRegistry::counts(
    const types::RegisteredService& service, types::EvmAddress signer) {
    return ask(service.service.manager, signer);
}

async::Task<base::Result<types::SignerCounts>> SignerRegistry::ask(types::ServiceManager manager,
                                                                   types::EvmAddress signer) {
    const auto read = read_of(key_of(manager, signer));
    const Read::Ask question = [this, manager, signer] { return lookup_(manager, signer); };
    co_return co_await read->get(question);
}

std::shared_ptr<SignerRegistry::Read> SignerRegistry::read_of(const Key& key) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(key); found != entries_.end()) {
        used_.splice(used_.begin(), used_, found->second.used);
        return found->second.read;
    }
    if (entries_.size() >= options_.most_entries) {
        entries_.erase(used_.back());
        used_.pop_back();
    }
    const auto holds = [options = options_](const types::SignerCounts& counts) {
        return counts == types::SignerCounts::Yes  ? options.yes_holds
               : counts == types::SignerCounts::No ? options.no_holds
                                                   : options.unknown_holds;
    };
    used_.push_front(key);
    auto read = std::make_shared<Read>(clock_, holds);
    entries_.emplace(key, Entry{read, used_.begin()});
    return read;
}

// One who asks at this moment keeps the entry to itself.
void SignerRegistry::forget(const types::ServiceManager& manager, const types::EvmAddress& signer) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key_of(manager, signer));
    if (found != entries_.end()) {
        used_.erase(found->second.used);
        entries_.erase(found);
    }
}

}  // namespace wavs::aggregator
