// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/admission.hpp"
#include "wavs/aggregator/posting_order.hpp"
#include "wavs/aggregator/signer_registry.hpp"
#include "wavs/aggregator/submissions.hpp"
#include "wavs/async/semaphore.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/p2p/network.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace wavs::aggregator {

struct ExchangeOptions {
    SubmissionsOptions submissions;
    /// How long one waits whose signer is not registered (yet), and how many of a service.
    std::chrono::seconds waiting_ttl{600};
    std::size_t most_waiting = 64;
    std::chrono::seconds recheck{5};
    /// Events that are older, by their own time, are not taken from peers: nobody remembers any
    /// more whether they were posted.
    std::chrono::seconds oldest{172'800};
    /// How often a peer is asked for what was missed all the same.
    std::chrono::seconds ask_again{60};
    /// Submissions looked at at the same time; further ones wait in the network.
    std::size_t most_at_once = 256;
};

struct ExchangeDeps {
    p2p::Network& network;
    storage::Store& store;
    SignerRegistry& registry;
    const base::Clock& clock;
    async::Timers& timers;
    telemetry::Metrics& metrics;
};

/// The exchange of signed results with the peers: tells them of ours, decides over theirs
/// (docs/protocol/07-peers.md 5 and 6), stores what counts and hands it on. A submission whose
/// signer the service manager does not know waits for a while; it never reaches a queue. Owned by
/// `app`; methods are callable from any thread.
class Exchange {
public:
    /// Takes over an admitted submission that is stored; false when there is no room now.
    using Sink = std::function<bool(types::SubmissionRecord)>;

    Exchange(ExchangeDeps deps, ExchangeOptions options, async::Executor executor);

    /// Before anything else; what was open at the last stop goes to `sink`.
    base::Result<void> open(Sink sink);
    /// The service is in force from now on in this revision.
    void watch(types::RegisteredServicePtr service);
    /// The returned batch erases what is stored of it.
    storage::Batch forget(const types::ServiceId& service);
    /// Tells the peers of a result of ours that is stored.
    void publish(const types::ResultRecord& result);

    /// On which submission the aggregator component runs: the peer's own, but of an event id that a
    /// peer has chosen (a salt) on ours, if there is one, for the rest may be made up.
    base::Result<std::shared_ptr<const types::Submission>> to_run_on(
        std::shared_ptr<const types::Submission> peers);
    /// A batch with the end of a submission.
    storage::Batch ended(const types::Submission& submission, const types::EvmAddress& signer,
                         types::ResultState state);

    /// Reads the network's events; ends with it.
    async::Task<base::Result<void>> run_events();
    /// Asks again for what waits or may have been missed.
    async::Task<base::Result<void>> run_rounds();
    async::Task<base::Result<std::size_t>> clean_up(types::Timestamp before) {
        return submissions_.clean_up(before);
    }
    async::Task<std::vector<std::string>> stop(base::Duration deadline);

    Submissions& submissions() { return submissions_; }
    SignerRegistry& registry() { return deps_.registry; }
    const ActiveSigners& signers() const { return signers_; }
    /// What keeps this node's signatures from counting, and is the operator's to settle; with the
    /// chain of the manager that says so.
    std::vector<std::pair<types::ChainKey, std::string>> warnings() const;

private:
    enum class Outcome { Taken, Known, Waits, NoRoom, Equivocates };

    void handle(p2p::Event event);
    void on_publish_failed(const p2p::PublishFailed& failed);
    async::Task<void> look_at(p2p::Message message, async::Semaphore::Permit place);
    void read_answer(p2p::CatchupAnswer answer);
    async::Task<void> look_at_all(std::string peer, types::ServiceId service,
                                  std::vector<types::Submission> submissions);
    async::Task<base::Result<Outcome>> consider(Admitted admitted, std::string peer);
    async::Task<base::Result<Outcome>> consider_new(types::SubmissionRecord record);
    async::Task<base::Result<Outcome>> take(types::SubmissionRecord record);
    async::Task<base::Result<Outcome>> put_aside(types::SubmissionRecord record);
    async::Task<base::Result<void>> recheck_waiting();
    async::Task<void> check_own_weight(types::RegisteredServicePtr service);
    void compare(const types::ServiceId& service, const types::EventId& event,
                 const std::vector<types::SubmissionRecord>& all);
    void count(std::string_view outcome);
    Revisions revisions(const types::ServiceId& service) const;
    bool claim(const base::Bytes& key);

    ExchangeDeps deps_;
    const ExchangeOptions options_;
    async::Executor executor_;
    Submissions submissions_;
    ActiveSigners signers_;
    Sink sink_;
    async::TaskGroup tasks_;
    async::Semaphore at_once_;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, Revisions> services_;
    /// By key.
    std::map<types::ServiceId, std::map<base::Bytes, types::SubmissionRecord>> waiting_;
    /// Keys of submissions that are looked at just now.
    std::set<base::Bytes> claimed_;
    std::map<types::ServiceId, std::pair<types::ChainKey, std::string>> warnings_;
};

}  // namespace wavs::aggregator
