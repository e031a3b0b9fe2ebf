// SPDX-License-Identifier: Apache-2.0
#include "environment.hpp"

#include "wavs/telemetry/log.hpp"
#include "wavs/types/validate.hpp"

#include <algorithm>
#include <array>

namespace wavs::engine {
namespace {

// How long a UTF-8 sequence is, and what its second byte may be.
struct Sequence {
    unsigned first_low, first_high;
    std::size_t size;
    unsigned second_low, second_high;
};
constexpr std::array<Sequence, 8> kSequences = {{{0x00, 0x7f, 1, 0, 0},
                                                 {0xc2, 0xdf, 2, 0x80, 0xbf},
                                                 {0xe0, 0xe0, 3, 0xa0, 0xbf},
                                                 {0xe1, 0xec, 3, 0x80, 0xbf},
                                                 {0xed, 0xed, 3, 0x80, 0x9f},
                                                 {0xee, 0xef, 3, 0x80, 0xbf},
                                                 {0xf0, 0xf0, 4, 0x90, 0xbf},
                                                 {0xf1, 0xf4, 4, 0x80, 0xbf}}};

std::size_t sequence_size(base::ByteView text) {
    for (const auto& sequence : kSequences) {
        if (text[0] < sequence.first_low || text[0] > sequence.first_high ||
            text.size() < sequence.size) {
            continue;
        }
        if (sequence.size > 1 &&
            (text[1] < sequence.second_low || text[1] > sequence.second_high)) {
            continue;
        }
        const auto rest =
            text.first(sequence.size).subspan(std::min<std::size_t>(sequence.size, 2));
        const bool good = std::all_of(rest.begin(), rest.end(),
                                      [](std::uint8_t byte) { return (byte & 0xc0) == 0x80; });
        return good ? sequence.size : 0;
    }
    return 0;
}

bool is_utf8(std::string_view text) {
    auto left = base::as_bytes(text);
    while (!left.empty()) {
        const auto size = sequence_size(left);
        // The last plane ends at U+10FFFF.
        if (size == 0 || (left[0] == 0xf4 && left[1] > 0x8f)) {
            return false;
        }
        left = left.subspan(size);
    }
    return true;
}

}  // namespace

Environment::Environment(const std::map<std::string, std::string>& process,
                         std::map<std::string, std::vector<types::ServiceId>> bindings)
    : bindings_(std::move(bindings)) {
    for (const auto& [name, value] : process) {
        if (name.starts_with(types::kEnvPrefix) && is_utf8(name) && is_utf8(value)) {
            variables_.emplace(name, value);
        }
    }
}

bool Environment::granted(const types::ServiceId& service, const std::string& name) {
    const auto bound = bindings_.find(name);
    if (bound != bindings_.end()) {
        const auto& services = bound->second;
        return std::find(services.begin(), services.end(), service) != services.end();
    }
    const std::lock_guard lock(mutex_);
    auto& readers = readers_[name];
    if (readers.insert(service).second && readers.size() > 1) {
        telemetry::log_warn("engine", "several services read the same environment variable",
                            {{"variable", name},
                             {"service_id", types::to_string(service)},
                             {"remedy", "bind it to the services that may have it"}});
    }
    return true;
}

std::shared_ptr<const rt::Pairs> Environment::for_component(const types::ServiceId& service,
                                                            const types::Component& component) {
    auto out = std::make_shared<rt::Pairs>();
    for (const auto& name : component.env_keys) {
        const auto found = variables_.find(name);
        if (found != variables_.end() && granted(service, name)) {
            out->push_back({name, found->second});
        }
    }
    return out;
}

}  // namespace wavs::engine
