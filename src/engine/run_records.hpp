// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/types/ids.hpp"

#include <filesystem>
#include <map>
#include <memory>

namespace wavs::engine {

/// Recorded runs on disk, for `wavs-cli replay`: `<data>/runs/<service>/<number>-<trace
/// id>.wavsrun`, the newest of each service. Written in the background; a record that cannot be
/// written is a warning and nothing else, and one that finds too many others waiting for the disk
/// is left out. Only this user can read them: they hold what the runs were given. Owned by the
/// engine; thread-safe.
class RunRecords {
public:
    RunRecords(std::filesystem::path data, std::size_t kept, const async::Executor& blocking);

    /// Bytes that may wait for the disk.
    static constexpr std::size_t kMaxWaiting = std::size_t{64} << 20;

    void store(const types::ServiceId& service, const types::TraceId& trace, base::Bytes record);
    std::filesystem::path directory_of(const types::ServiceId& service) const;

private:
    struct State;
    std::shared_ptr<State> state_;
    async::Executor strand_;
};

}  // namespace wavs::engine
