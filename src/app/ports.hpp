// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "chains.hpp"
#include "wavs/aggregator/aggregator.hpp"
#include "wavs/dispatcher/ports.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/sources/sources.hpp"
#include "wavs/submission/submitter.hpp"

/// The dispatcher's ports, each bound to the real module.
namespace wavs::app {

class EngineBinding final : public dispatcher::EnginePort {
public:
    EngineBinding(engine::Engine& engine, async::TaskGroup& background)
        : engine_(engine), background_(background) {}
    async::Task<base::Result<void>> prepare(types::RegisteredServicePtr service) override;
    void release(types::RegisteredServicePtr service) override;
    async::Flow<base::Result<std::vector<types::WasmResponse>>> run(types::EventJob job,
                                                                    std::stop_token stop) override;
    storage::Batch forget(const types::ServiceId& service) override;

private:
    engine::Engine& engine_;
    async::TaskGroup& background_;
};

class SubmissionBinding final : public dispatcher::SubmissionPort {
public:
    SubmissionBinding(submission::Signer& signer, submission::Submitter& submitter,
                      submission::Ledger& ledger)
        : signer_(signer), submitter_(submitter), ledger_(ledger) {}
    async::Task<base::Result<types::EvmAddress>> address(std::uint32_t hd_index) override;
    base::Result<bool> knows(const types::EvmAddress& signer) const override {
        return ledger_.knows(signer);
    }
    types::SignerState state(const types::EvmAddress& signer) const override {
        return ledger_.state(signer);
    }
    storage::Batch set_state(const types::EvmAddress& signer, types::SignerState state) override {
        return ledger_.set_state(signer, state);
    }
    async::Flow<base::Result<dispatcher::SignedRun>> sign(
        types::EventJob job, types::RegisteredServicePtr current,
        std::vector<types::WasmResponse> responses) override;

private:
    submission::Signer& signer_;
    submission::Submitter& submitter_;
    submission::Ledger& ledger_;
};

class AggregatorBinding final : public dispatcher::AggregatorPort {
public:
    explicit AggregatorBinding(aggregator::Aggregator& aggregator) : aggregator_(aggregator) {}
    void watch(types::RegisteredServicePtr service) override {
        aggregator_.watch(std::move(service));
    }
    void submit(types::ResultRecord result) override { aggregator_.submit(std::move(result)); }
    void resume(const types::ServiceId& service, std::uint64_t event_sequence,
                std::uint32_t response_index) override {
        aggregator_.resume(service, event_sequence, response_index);
    }
    storage::Batch forget(const types::ServiceId& service) override {
        return aggregator_.forget(service);
    }

private:
    aggregator::Aggregator& aggregator_;
};

class TriggerBinding final : public dispatcher::TriggerPort {
public:
    explicit TriggerBinding(triggers::TriggerManager& triggers) : triggers_(triggers) {}
    async::Task<std::map<types::ServiceId, base::Error>> set_services(
        std::vector<types::RegisteredServicePtr> services) override;
    async::Task<void> remove_service(types::ServiceId service) override;
    void resume(const types::ServiceId& service, types::ChainPosition at) override {
        triggers_.resume(service, at);
    }
    bool has_read(const types::ChainKey& chain, std::uint64_t block) const override {
        return triggers_.has_read(chain, block);
    }

private:
    triggers::TriggerManager& triggers_;
};

class SourcesBinding final : public dispatcher::SourcesPort {
public:
    explicit SourcesBinding(sources::Sources& sources) : sources_(sources) {}
    async::Task<base::Result<types::ParsedManifest>> manifest(std::string uri) override;
    async::Task<base::Result<void>> component(types::ComponentSource source) override;

private:
    sources::Sources& sources_;
};

class ManagerBinding final : public dispatcher::ManagerPort {
public:
    explicit ManagerBinding(Chains& chains) : chains_(chains) {}
    async::Task<base::Result<dispatcher::ServiceUri>> service_uri(
        types::ServiceManager manager) override;
    async::Task<base::Result<bool>> counts(types::ServiceManager manager,
                                           types::EvmAddress signer) override;

private:
    Chains& chains_;
};

}  // namespace wavs::app
