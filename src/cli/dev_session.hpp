// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dev_operators.hpp"
#include "dev_options.hpp"
#include "wavs/cli/devnet.hpp"
#include "wavs/cli/timeline.hpp"

#include <string>

namespace wavs::cli {

/// One run of `wavs-cli dev`: brings a devnet up step by step and reports each. From the strand of
/// its tools.
class DevSession {
public:
    DevSession(DevOptions options, DevnetOptions devnet, Tools tools, Terminal& terminal);

    /// To a service that is ready for events.
    async::Task<base::Result<void>> bring_up();
    /// `--once`.
    async::Task<base::Result<void>> fire_once();
    /// Reports results until the coroutine is cancelled or a process ends.
    async::Task<base::Result<void>> stay_up();
    async::Task<void> stop() { return devnet_.stop(); }

    bool ready() const { return ready_; }
    /// The end of the node's log, for a step that failed.
    void show_log();

private:
    void step_done(std::string_view text);
    bool several() const { return options_.operators > 1; }
    async::Task<base::Result<void>> add_service();
    async::Task<base::Result<types::ComponentDigest>> upload(std::string_view component);
    async::Task<base::Result<void>> register_operators();
    async::Task<base::Result<void>> join_peers();
    async::Task<base::Result<Delivery>> delivery(const HandledEvent& result,
                                                 std::uint64_t from_block);
    async::Task<base::Result<void>> node_stages(Timeline& timeline);
    void tell_how_to_fire();
    void tell_result(const Timeline& timeline, const FiredEvent& event, const HandledEvent& result,
                     const Delivery& sent, std::string_view bytes);

    DevOptions options_;
    Tools tools_;
    Terminal& terminal_;
    Devnet devnet_;
    base::SteadyTime began_;
    base::SteadyTime step_began_;
    Contracts contracts_;
    types::Service service_;
    OperatorNames who_;
    bool ready_ = false;
};

/// As text where it is printable, else "0x...".
std::string readable(std::string_view bytes);

}  // namespace wavs::cli
