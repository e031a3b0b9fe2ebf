// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace wavs::types {

/// How bad a finding is. Fatal: it can never run, the node refuses the manifest. Error: the command
/// line lists it as an error, the node accepts and warns. Warning: both warn.
enum class Severity { Fatal, Error, Warning };

/// One remark on a manifest. `code` is stable; `workflow` is empty for the service as a whole.
struct Finding {
    Severity severity;
    base::ErrorCode code;
    std::string workflow;
    std::string message;
    friend bool operator==(const Finding&, const Finding&) = default;
};

inline bool has_fatal(const std::vector<Finding>& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& f) { return f.severity == Severity::Fatal; });
}

}  // namespace wavs::types
