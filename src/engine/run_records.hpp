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
/// written is a warning and nothing else. Owned by the engine; thread-safe.
class RunRecords {
public:
    RunRecords(std::filesystem::path data, std::size_t kept, const async::Executor& blocking);

    void store(const types::ServiceId& service, const types::TraceId& trace, base::Bytes record);
    std::filesystem::path directory_of(const types::ServiceId& service) const;

private:
    struct State;
    std::shared_ptr<State> state_;
    async::Executor strand_;
};

}  // namespace wavs::engine
