// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/http/node_api.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace wavs::http {

/// One health check at a time, shared by everybody who asks meanwhile and for a moment after, so
/// that asking often costs the chains nothing. The check runs in `group`: a caller who leaves does
/// not take it from the others. Thread-safe.
class SharedHealth {
public:
    using Answer = base::Result<std::shared_ptr<const HealthStatus>>;

    SharedHealth(NodeApi& node, const base::Clock& clock, async::TaskGroup& group,
                 base::Duration keep)
        : node_(node), clock_(clock), group_(group), keep_(keep) {}

    async::Task<Answer> get();

private:
    async::Task<void> check();
    void finish(const Answer& answer);

    NodeApi& node_;
    const base::Clock& clock_;
    async::TaskGroup& group_;
    const base::Duration keep_;
    std::mutex mutex_;
    std::shared_ptr<const HealthStatus> last_;
    base::SteadyTime last_at_;
    bool running_ = false;
    std::vector<async::OneShot<Answer>> waiting_;
};

}  // namespace wavs::http
