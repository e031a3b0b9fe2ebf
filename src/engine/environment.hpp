// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/options.hpp"
#include "wavs/types/manifest.hpp"

#include <mutex>
#include <set>

namespace wavs::engine {

/// The variables components may see: of the process, beginning with WAVS_ENV, and valid UTF-8 (one
/// that is not is left out, since no component could read it). Thread-safe.
class Environment {
public:
    Environment(const std::map<std::string, std::string>& process,
                std::map<std::string, std::vector<types::ServiceId>> bindings);

    /// What a component of `service` gets: the variables it lists, without those that the operator
    /// has bound to other services. Warns when a variable that is bound to nobody is read by a
    /// second service.
    std::shared_ptr<const rt::Pairs> for_component(const types::ServiceId& service,
                                                   const types::Component& component);

private:
    bool granted(const types::ServiceId& service, const std::string& name);

    std::map<std::string, std::string> variables_;
    std::map<std::string, std::vector<types::ServiceId>> bindings_;
    std::mutex mutex_;
    std::map<std::string, std::set<types::ServiceId>> readers_;
};

}  // namespace wavs::engine
