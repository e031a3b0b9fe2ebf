// SPDX-License-Identifier: Apache-2.0
#include "run_records.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <vector>

namespace wavs::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".wavsrun";

// Oldest first: the names begin with a number of fixed width.
std::vector<fs::path> records_in(const fs::path& directory) {
    std::vector<fs::path> out;
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == kSuffix) {
            out.push_back(entry->path());
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::uint64_t number_of(const fs::path& record) {
    const auto name = record.filename().string();
    std::uint64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    return number;
}

}  // namespace

// Touched on the strand alone, but for what waits.
struct RunRecords::State {
    State(fs::path where, std::size_t how_many) : root(std::move(where)), kept(how_many) {}

    fs::path root;
    std::size_t kept;
    std::map<types::ServiceId, std::uint64_t> next;
    std::atomic<std::size_t> waiting{0};

    void write(const types::ServiceId& service, const types::TraceId& trace,
               const base::Bytes& record) {
        const auto directory = root / types::to_string(service);
        std::error_code error;
        fs::create_directories(directory, error);
        fs::permissions(root, fs::perms::owner_all, error);
        auto present = records_in(directory);
        auto [found, fresh] = next.try_emplace(service, 0);
        if (fresh && !present.empty()) {
            found->second = number_of(present.back()) + 1;
        }
        const auto path = directory / fmt::format("{:010}-{}{}", found->second++,
                                                  types::to_string(trace), kSuffix);
        std::ofstream file(path, std::ios::binary);
        const auto text = base::as_text(record);
        file.write(text.data(), static_cast<std::streamsize>(text.size()));
        if (!file.flush()) {
            telemetry::log_warn(
                "engine", "a recorded run cannot be written",
                {{"file", path.string()},
                 {"remedy", "check the disk, or leave out engine.record_services"}});
        }
        present.push_back(path);
        for (std::size_t i = 0; i + kept < present.size(); ++i) {
            fs::remove(present[i], error);
        }
    }
};

RunRecords::RunRecords(fs::path data, std::size_t kept, const async::Executor& blocking)
    : state_(std::make_shared<State>(data / "runs", kept)), strand_(async::make_strand(blocking)) {}

fs::path RunRecords::directory_of(const types::ServiceId& service) const {
    return state_->root / types::to_string(service);
}

void RunRecords::store(const types::ServiceId& service, const types::TraceId& trace,
                       base::Bytes record) {
    const auto bytes = record.size();
    if (state_->waiting.fetch_add(bytes) + bytes > kMaxWaiting) {
        state_->waiting.fetch_sub(bytes);
        telemetry::log_warn("engine", "a recorded run was left out: others wait for the disk",
                            {{"service", types::to_string(service)},
                             {"trace_id", types::to_string(trace)},
                             {"remedy", "record fewer services, or lower engine.record_bytes"}});
        return;
    }
    async::post(strand_, [state = state_, service, trace, record = std::move(record)] {
        state->write(service, trace, record);
        state->waiting.fetch_sub(record.size());
    });
}

}  // namespace wavs::engine
