// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "value.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace wavs::config {

/// Collects everything that is wrong, so that an operator repairs it in one go. Every line names
/// the place, the key and the remedy, and never a secret.
class Report {
public:
    void error(const Origin& origin, std::string_view key, std::string_view what,
               std::string_view remedy) {
        errors.push_back(line(origin, key, what, remedy));
    }
    void warn(const Origin& origin, std::string_view key, std::string_view what,
              std::string_view remedy = {}) {
        warnings.push_back(line(origin, key, what, remedy));
    }

    std::vector<std::string> errors;
    std::vector<std::string> warnings;

private:
    static std::string line(const Origin& origin, std::string_view key, std::string_view what,
                            std::string_view remedy) {
        std::string out;
        if (origin.layer != Layer::BuiltIn) {
            out += origin.text + ": ";
        }
        if (!key.empty()) {
            out += fmt::format("{}: ", key);
        }
        out += what;
        if (!remedy.empty()) {
            out += fmt::format(" ({})", remedy);
        }
        return out;
    }
};

}  // namespace wavs::config
