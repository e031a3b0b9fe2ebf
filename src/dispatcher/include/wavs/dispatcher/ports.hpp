// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/manifest_json.hpp"
#include "wavs/types/pipeline.hpp"

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

/// What the dispatcher needs of the modules it may not include. `app` binds each port to the real
/// module; tests bind fakes, so that the hub is built and tested without engine, chain or database.
namespace wavs::dispatcher {

class EnginePort {
public:
    virtual ~EnginePort() = default;
    /// Makes every component of the service ready to run; fails if one is missing or does not fit
    /// its world.
    virtual async::Task<base::Result<void>> prepare(types::RegisteredServicePtr service) = 0;
    virtual void release(types::RegisteredServicePtr service) = 0;
    /// Runs the operator component of the job's workflow; interrupted when `stop` asks for it.
    virtual async::Flow<base::Result<std::vector<types::WasmResponse>>> run(
        types::EventJob job, std::stop_token stop) = 0;
    /// The service is gone: its files are deleted, and the returned batch erases its key-value
    /// data.
    virtual storage::Batch forget(const types::ServiceId& service) = 0;
};

/// The signed responses of one run. `hold` keeps the signing ledger's reservations until the batch
/// is committed.
struct SignedRun {
    std::vector<types::ResultRecord> results;
    storage::Batch batch;
    std::shared_ptr<void> hold;
    /// Why there is nothing to store; empty when there is.
    std::string skipped = {};
};

class SubmissionPort {
public:
    virtual ~SubmissionPort() = default;
    /// Address of the service key with this index.
    virtual async::Task<base::Result<types::EvmAddress>> address(std::uint32_t hd_index) = 0;
    /// True when what this key has signed is in the ledger here.
    virtual base::Result<bool> knows(const types::EvmAddress& signer) const = 0;
    virtual types::SignerState state(const types::EvmAddress& signer) const = 0;
    /// In force at once; the returned batch makes it last.
    virtual storage::Batch set_state(const types::EvmAddress& signer, types::SignerState state) = 0;
    virtual async::Flow<base::Result<SignedRun>> sign(
        types::EventJob job, types::RegisteredServicePtr current,
        std::vector<types::WasmResponse> responses) = 0;
};

class AggregatorPort {
public:
    virtual ~AggregatorPort() = default;
    /// The service is in force from now on in this revision.
    virtual void watch(types::RegisteredServicePtr service) = 0;
    /// Takes over a stored result; never waits.
    virtual void submit(types::ResultRecord result) = 0;
    /// As above, of a result that is in the journal.
    virtual void resume(const types::ServiceId& service, std::uint64_t event_sequence,
                        std::uint32_t response_index) = 0;
    /// The service is gone: what is open for it ends; the returned batch erases it.
    virtual storage::Batch forget(const types::ServiceId& service) = 0;
};

class TriggerPort {
public:
    virtual ~TriggerPort() = default;
    /// Watches for the triggers of these revisions, and no longer for those of the ones before.
    /// Names the services that something hinders.
    virtual async::Task<std::map<types::ServiceId, base::Error>> set_services(
        std::vector<types::RegisteredServicePtr> services) = 0;
    virtual async::Task<void> remove_service(types::ServiceId service) = 0;
    /// The manifest announced at `at` is not coming: what waits for it goes on without.
    virtual void resume(const types::ServiceId& service, types::ChainPosition at) = 0;
    /// False while blocks of the chain up to this one still have to be read.
    virtual bool has_read(const types::ChainKey& chain, std::uint64_t block) const = 0;
};

class SourcesPort {
public:
    virtual ~SourcesPort() = default;
    virtual async::Task<base::Result<types::ParsedManifest>> manifest(std::string uri) = 0;
    /// Stores the component's bytes on the node, unless they are there.
    virtual async::Task<base::Result<void>> component(types::ComponentSource source) = 0;
};

/// Where a manager's contract says the manifest is, as of the end of a block.
struct ServiceUri {
    std::string uri;
    std::uint64_t block = 0;
};

class ManagerPort {
public:
    virtual ~ManagerPort() = default;
    virtual async::Task<base::Result<ServiceUri>> service_uri(types::ServiceManager manager) = 0;
    /// Whether the manager counts signatures of this key now.
    virtual async::Task<base::Result<bool>> counts(types::ServiceManager manager,
                                                   types::EvmAddress signer) = 0;
};

}  // namespace wavs::dispatcher
