// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/types.hpp"

#include "wavs/rt/host_calls.hpp"

namespace wavs::rt {

std::string_view to_string(World world) {
    return world == World::Operator ? "operator" : "aggregator";
}

std::string_view to_string(Export entry) {
    switch (entry) {
        case Export::Run:
            return "run";
        case Export::ProcessInput:
            return "process-input";
        case Export::HandleTimerCallback:
            return "handle-timer-callback";
        case Export::HandleSubmitCallback:
            return "handle-submit-callback";
        case Export::Select:
            return "select";
    }
    return "unknown";
}

World world_of(Export entry) { return entry == Export::Run ? World::Operator : World::Aggregator; }

std::string_view to_string(LoadSource source) {
    switch (source) {
        case LoadSource::Memory:
            return "memory";
        case LoadSource::Disk:
            return "disk";
        case LoadSource::Compiled:
            return "compiled";
    }
    return "unknown";
}

Reply other_reply(std::string_view text) { return {Answer::Other, base::to_bytes(text)}; }

}  // namespace wavs::rt
