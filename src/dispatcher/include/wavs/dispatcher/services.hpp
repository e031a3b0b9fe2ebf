// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/dispatcher/journal.hpp"
#include "wavs/dispatcher/ports.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/permissions.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace wavs::dispatcher {

/// The modules the registry works with; all outlive it.
struct ServicesDeps {
    storage::Store& store;
    Journal& journal;
    EnginePort& engine;
    SubmissionPort& submission;
    AggregatorPort& aggregator;
    TriggerPort& triggers;
    SourcesPort& sources;
    ManagerPort& managers;
    const base::Clock& clock;
    async::Timers& timers;
    base::RandomSource& random;
    telemetry::Metrics& metrics;
};

/// What becomes of an update that asks for more permissions.
enum class PermissionPolicy {
    Accept,  ///< in force at once, and told
    Hold,    ///< waits until the operator agrees; the version before stays in force
};

struct ServicesOptions {
    types::ManifestOptions manifest;
    /// Every service's URI is read again about this often, in case an announcement was missed.
    std::chrono::seconds uri_poll{300};
    /// So long the later events of the manager's chain wait for an announced manifest.
    std::chrono::seconds update_hold{60};
    PermissionPolicy permission_policy = PermissionPolicy::Accept;
};

/// How a service is, for operators: docs/protocol/03-http.md.
struct ServiceHealth {
    enum class State {
        Active,
        Paused,           ///< by its manifest
        Degraded,         ///< something of it does not work, see the reason
        Held,             ///< an announced manifest is being fetched and later events wait for it,
                          ///< or it waits for the operator and nothing waits for it
        WaitingForChain,  ///< a chain it needs is not configured
    };
    State state = State::Active;
    std::string reason;
};
std::string_view to_string(ServiceHealth::State state);

/// What a service may do, a sentence each (`types::describe`, `types::more_than`).
struct ServicePermissions {
    std::vector<std::string> in_force;
    /// An update that asks for more than the operator agreed to, until they agree or another update
    /// takes its place.
    struct More {
        types::ServiceDigest digest;
        std::string uri;
        /// It was accepted unasked; otherwise it is held and the version before runs.
        bool in_force = false;
        std::vector<std::string> permissions;
    };
    std::optional<More> asks_for_more;
};

/// The services this node runs: opting in, updates announced by the manager's contract, removal,
/// the keys. Everything is stored before it takes effect. Look-ups are thread-safe and never wait;
/// changes of one service happen one at a time. Owned by `app`.
class Services {
public:
    Services(ServicesDeps deps, ServicesOptions options, async::Executor strand);

    /// At start: the stored services with their keys. A service that cannot be restored is degraded
    /// and does not stop the others; a key that came out different (another mnemonic) is an error
    /// that names the service.
    async::Task<base::Result<void>> load();
    /// Reads every service's URI again now and then; runs until stopped.
    async::Task<base::Result<void>> run_uri_checks();
    async::Task<std::vector<std::string>> stop(base::Duration deadline);

    /// Opting in: reads the URI from the contract, fetches the manifest and all its components,
    /// then registers everything or nothing. `hd_index` pins the key.
    async::Task<base::Result<void>> add(types::ServiceManager manager,
                                        std::optional<std::uint32_t> hd_index);
    /// Registers a manifest that was saved before, without asking the chain.
    async::Task<base::Result<void>> add_saved(types::ServiceDigest digest);
    /// Unknown services are no error.
    async::Task<base::Result<void>> remove(types::ServiceManager manager);
    /// An announcement of another manifest. Returns at once; one that is not newer than the
    /// revision in force is ignored. The update is tried until it succeeds, is refused for good, or
    /// a newer announcement arrives; after `update_hold` events go on under the revision in force.
    void announce(types::ServiceUriChange change);
    /// The operator agrees to what the manifest with this digest asks for. One that was held is in
    /// force from the newest block on. NotFound when no service waits for it; Conflict while a
    /// newer manifest is on its way.
    async::Task<base::Result<void>> agree(types::ServiceDigest digest);
    /// The operator says that nothing was signed elsewhere with the key of this service. NotFound
    /// for an unknown service, Conflict when its key signs anyway.
    async::Task<base::Result<void>> accept_empty_ledger(types::ServiceId id);
    /// Called, on any executor, with each key that signs from now on.
    using SigningBegan = std::function<void(const types::EvmAddress&)>;
    /// Before `load()`.
    void on_signing_began(SigningBegan call) { signing_began_ = std::move(call); }

    async::Task<base::Result<types::ServiceDigest>> save_manifest(types::Service service);
    base::Result<types::Service> saved_manifest(const types::ServiceDigest& digest) const;

    types::RegisteredServicePtr find(const types::ServiceId& id) const;
    /// Ascending by id.
    std::vector<types::RegisteredServicePtr> list() const;
    /// A revision that is not in force any more, for events accepted under it.
    base::Result<types::RegisteredServicePtr> revision(const types::ServiceId& id,
                                                       const types::ServiceDigest& digest) const;
    ServiceHealth health(const types::ServiceId& id) const;
    /// Empty for an unknown service.
    base::Result<ServicePermissions> permissions(const types::ServiceId& id) const;

private:
    struct Key {
        std::uint32_t hd_index;
        types::EvmAddress address;
    };

    async::Task<base::Result<async::Mutex::Guard>> lock(const types::ServiceId& id);
    async::Task<base::Result<types::ParsedManifest>> fetch(const std::string& uri);
    async::Task<base::Result<void>> register_new(types::ParsedManifest manifest,
                                                 std::optional<ServiceUri> uri,
                                                 std::optional<std::uint32_t> hd_index);
    async::Task<base::Result<void>> check_signer(types::ServiceManager manager,
                                                 types::EvmAddress signer);
    async::Task<base::Result<Key>> key_for(const types::ServiceId& id,
                                           std::optional<std::uint32_t> wanted);
    /// What a manifest needs before it can be in force: it can run, and its components are here.
    /// What validation said besides.
    async::Task<base::Result<std::vector<types::Finding>>> prepare(const types::Service& service);
    async::Task<base::Result<void>> activate(types::RegisteredServicePtr next,
                                             types::ServiceDigest agreed);
    base::Result<types::RegisteredService> stored_service(const storage::Entry& entry);
    async::Task<base::Result<types::RegisteredServicePtr>> restore(storage::Entry entry);
    async::Task<void> watch(std::vector<types::RegisteredServicePtr> services);
    async::Task<base::Result<void>> apply_update(types::ServiceUriChange change);
    void update_failed(const types::ServiceUriChange& change, const base::Error& error);
    /// An announcement that is not settled yet.
    struct Announced {
        types::ServiceUriChange change;
        /// The later events of its chain wait for it.
        bool held = true;
        /// A newer one was announced meanwhile.
        bool superseded = false;
    };
    std::optional<Announced> announced(const types::ServiceId& id) const;
    void release_hold(const types::ServiceUriChange& change);
    bool settle_announcement(const types::ServiceUriChange& change);
    async::Task<void> follow_update(types::ServiceId id);
    async::Task<base::Result<bool>> follow_announcement(types::ServiceUriChange change);
    /// An update that waits for the operator.
    struct HeldUpdate {
        types::ServiceDigest digest;
        std::string uri;
        types::ChainPosition at;
        /// Than the manifest in force.
        std::vector<std::string> more;
    };
    std::optional<HeldUpdate> held_update(const types::ServiceId& id) const;
    async::Task<base::Result<void>> hold_update(types::RegisteredServicePtr current,
                                                types::RegisteredServicePtr next,
                                                types::ServiceUriChange change,
                                                std::vector<std::string> more);
    void restore_held(const types::RegisteredService& service);
    void report_more(const types::RegisteredService& next, const std::vector<std::string>& more,
                     PermissionPolicy policy);
    types::ServiceDigest agreed_digest(const types::RegisteredService& service) const;
    base::Result<types::PermissionSet> agreed_permissions(
        const types::RegisteredService& service) const;
    base::Result<types::ServiceDigest> agreed_after(const types::RegisteredService& current,
                                                    const types::RegisteredService& next) const;
    std::optional<types::ServiceId> waits_for_agreement(const types::ServiceDigest& digest) const;
    async::Task<base::Result<void>> agree_to_held(types::RegisteredServicePtr current,
                                                  HeldUpdate held);
    async::Task<base::Result<void>> agree_to_current(types::RegisteredServicePtr current);
    enum class Compare { Uri, Manifest };
    async::Task<void> check_uri(types::RegisteredServicePtr service, Compare compare);
    void set_health(const types::ServiceId& id, ServiceHealth health);
    /// Nothing hinders the service.
    bool fine(const types::ServiceId& id) const;

    ServicesDeps deps_;
    ServicesOptions options_;
    telemetry::Gauge registered_;
    telemetry::Gauge held_updates_;
    telemetry::Counter asked_for_more_;
    SigningBegan signing_began_;
    async::Mutex keys_mutex_;
    async::TaskGroup updates_;

    mutable std::mutex mutex_;
    std::map<types::ServiceId, types::RegisteredServicePtr> services_;
    // Of the services that are not simply active or paused.
    std::map<types::ServiceId, ServiceHealth> health_;
    std::map<types::ServiceId, std::shared_ptr<async::Mutex>> locks_;
    // Announced and not yet applied; a task follows each.
    std::map<types::ServiceId, Announced> announced_;
    // The manifest whose permissions the operator agreed to: the one in force, or one before when
    // an update that asks for more came into force unasked.
    std::map<types::ServiceId, types::ServiceDigest> agreed_;
    // As stored; at most one of a service.
    std::map<types::ServiceId, HeldUpdate> held_;
};

}  // namespace wavs::dispatcher
