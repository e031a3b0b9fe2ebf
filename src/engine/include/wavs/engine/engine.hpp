// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/engine/jobs.hpp"
#include "wavs/engine/kv.hpp"
#include "wavs/engine/options.hpp"
#include "wavs/types/chain_config.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace wavs::engine {

/// What the engine is doing.
struct Status {
    std::size_t running = 0;
    std::size_t waiting = 0;
    rt::Stats library;
};

/// Runs components: keeps them compiled, decides whose turn it is, gives them what their manifest
/// grants within the node's limits, and reads what they answer. Owned by `app`. Methods are
/// thread-safe and coroutines resume on the caller's executor; guests run on threads of their own.
/// A run whose caller is cancelled is interrupted. After `stop()` everything is Cancelled.
///
/// Error codes of runs, besides those of `rt::Engine`: `unknown_workflow` (NotFound), `queue_full`
/// (Overloaded), `missing_event_id_salt`, `payload_too_large`, `too_many_responses`,
/// `too_many_actions`, `convert_aggregator_action`, `select_indices`, `quarantined` (Guest),
/// `service_files` (Unavailable). A run may be repeated when the kind is Timeout or Unavailable;
/// the engine itself repeats nothing a guest has begun.
class Engine {
public:
    static base::Result<std::unique_ptr<Engine>> create(Options options, Ports ports);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Makes a stored component ready and keeps it so. Each success is one reference that
    /// `release()` gives back. NotFound when the bytes are not stored; Guest when they are no
    /// component of that world.
    async::Task<base::Result<ComponentInfo>> prepare(types::ComponentDigest digest, World world);
    void release(const types::ComponentDigest& digest);
    /// Why runs of this component are refused; none when they are not. It can be made ready all the
    /// same, so that it runs as soon as the quarantine is lifted.
    std::optional<base::Error> refusal(const types::ComponentDigest& digest) const;

    /// Checks bytes before they are stored: they compile, and fit `world` (none: either of the
    /// two). The kind of a component's own faults is Invalid here.
    async::Task<base::Result<ComponentInfo>> validate(std::shared_ptr<const base::Bytes> wasm,
                                                      std::optional<World> world);

    /// Goes on on a guest thread, which the next run of that thread waits for: nothing there may
    /// block. Interrupted when `stop` asks for it.
    async::Flow<base::Result<OperatorOutcome>> run_operator(OperatorJob job,
                                                            std::stop_token stop = {});

    /// No action and no run when the workflow does not submit. The message of an error that the
    /// component returned begins with "Process packet execution failed: ".
    async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        AggregatorJob job);
    /// As above with "Timer callback execution failed: ".
    async::Task<base::Result<std::vector<types::AggregatorAction>>> handle_timer_callback(
        AggregatorJob job);
    /// As above with "Submit callback execution failed: ".
    async::Task<base::Result<void>> handle_submit_callback(AggregatorJob job, SubmitResult result);
    /// Whether the aggregator component has a say in that; false when the workflow does not submit.
    async::Task<base::Result<bool>> selects(AggregatorJob job);
    /// Which of `entries` the aggregator component wants posted for `action`: nullopt, and no run,
    /// when it leaves that to the node (it has no `wavs:quorum/select`, or the workflow does not
    /// submit); empty when it wants to wait for more. Errors besides those of a run:
    /// `select_indices` (Guest). The message of an error that the component returned is its own.
    async::Task<base::Result<std::optional<Selection>>> select(AggregatorJob job,
                                                               types::SubmitAction action,
                                                               std::vector<QuorumEntry> entries);

    /// A run with its record, for tools that compare runs: `seed` moves clocks, random numbers and
    /// the order of the environment. Goes on on a guest thread.
    async::Flow<base::Result<rt::RunOutcome>> run_recorded(OperatorJob job, std::uint64_t seed);
    /// Runs a recorded run again, offline; its component must be stored. `files`: an empty
    /// directory for the files the run had. Invalid `not_a_record`; the output's error is
    /// `rt_invalid_input` when the run goes another way than recorded.
    async::Task<base::Result<rt::RunOutcome>> replay(base::Bytes record,
                                                     std::filesystem::path files);

    /// What components see of the chains, from the next call on.
    void set_chain_configs(std::shared_ptr<const types::ChainConfigs> chains);

    /// Where components may connect to, from the next connection on; nowhere but public addresses
    /// until then. Invalid `rt_network` names the entry that cannot be read.
    base::Result<void> set_network(const rt::NetworkRules& rules);

    KeyValue& key_value();

    /// Deletes the files of a service that was removed. Its keys: `KeyValue::erase_service`.
    async::Task<base::Result<void>> remove_files(types::ServiceId service);

    Status status() const;

    /// Refuses new runs, cancels those that wait, lets the others end until `grace` is over and
    /// interrupts the rest.
    async::Task<void> stop(std::chrono::milliseconds grace);

private:
    struct Impl;
    explicit Engine(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::engine
