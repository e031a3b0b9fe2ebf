// SPDX-License-Identifier: Apache-2.0
#include "wavs/engine/quarantine.hpp"

#include "crash_handler.hpp"
#include "strikes.hpp"
#include "wavs/telemetry/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace wavs::engine {
namespace {

base::Error file_error(std::string_view what, const std::filesystem::path& path) {
    return {base::ErrorKind::Unavailable, "strikes_file",
            fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)),
            "check the data directory of the node"};
}

base::Result<std::string> read_all(int file, const std::filesystem::path& path) {
    std::string text;
    std::array<char, 4096> piece{};
    while (true) {
        const auto size =
            ::pread(file, piece.data(), piece.size(), static_cast<off_t>(text.size()));
        if (size < 0 && errno != EINTR) {
            return file_error("read", path);
        }
        if (size == 0) {
            return text;
        }
        text.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
}

}  // namespace

std::string quarantine_text(const types::ComponentDigest& digest) {
    return fmt::format("component {} is quarantined", types::to_string(digest));
}

Quarantine::Quarantine(std::filesystem::path path, int file, const base::Clock& clock,
                       telemetry::Metrics& metrics)
    : path_(std::move(path)),
      file_(file),
      clock_(clock),
      gauge_(metrics.gauge("engine_quarantined_components",
                           "Components that do not run because they ended the node")) {}

Quarantine::~Quarantine() {
    stop_noting_crashes(file_);
    ::close(file_);
}

base::Result<std::unique_ptr<Quarantine>> Quarantine::open(std::filesystem::path file,
                                                           const base::Clock& clock,
                                                           telemetry::Metrics& metrics) {
    const int opened = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (opened < 0) {
        return file_error("open", file);
    }
    std::unique_ptr<Quarantine> out(new Quarantine(std::move(file), opened, clock, metrics));
    WAVS_TRY(out->read());
    return out;
}

base::Result<void> Quarantine::read() {
    WAVS_TRY(const auto text, read_all(file_, path_));
    WAVS_TRY(const auto found, parse_strikes(text, path_));
    if (found.size < text.size()) {
        telemetry::log_warn("engine", "the last line of the file of strikes is torn and left out",
                            {{"file", path_.string()}});
        if (::ftruncate(file_, static_cast<off_t>(found.size)) != 0) {
            return file_error("shorten", path_);
        }
    }
    const std::lock_guard lock(mutex_);
    for (const auto& line : found.lines) {
        if (line.kind == StrikeLine::Kind::Lifted) {
            components_.erase(line.digest);
            continue;
        }
        auto& strikes = components_[line.digest];
        strikes.times.push_back(line.at);
        strikes.services.insert(line.service);
        strikes.quarantined = strikes.times.size() >= kMostStrikes;
        crashed_.push_back(line.event);
    }
    for (const auto& [digest, strikes] : components_) {
        telemetry::log_warn("engine",
                            strikes.quarantined ? "a component is quarantined"
                                                : "a component has ended the node before",
                            {{"digest", types::to_string(digest)},
                             {"strikes", strikes.times.size()},
                             {"remedy", "look at it with wavs-cli quarantine list"}});
    }
    recount_locked();
    return base::ok();
}

void Quarantine::recount_locked() {
    const auto count = std::count_if(components_.begin(), components_.end(),
                                     [](const auto& one) { return one.second.quarantined; });
    quarantined_.store(static_cast<std::size_t>(count));
    gauge_.set(static_cast<double>(count));
}

base::Result<void> Quarantine::watch(const rt::Library& library) {
    return note_crashes(file_, library);
}

std::optional<base::Error> Quarantine::refusal(const types::ComponentDigest& digest) const {
    if (quarantined_.load(std::memory_order_relaxed) == 0) {
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    const auto found = components_.find(digest);
    if (found == components_.end() || !found->second.quarantined) {
        return std::nullopt;
    }
    return base::Error(
        base::ErrorKind::Guest, "quarantined",
        fmt::format("{}: the node ended {} times while it ran", quarantine_text(digest),
                    found->second.times.size()),
        fmt::format("wavs-cli quarantine list shows when; give the service a repaired component, "
                    "or run this one again with wavs-cli quarantine lift {}",
                    types::to_string(digest)));
}

std::map<types::ComponentDigest, Strikes> Quarantine::list() const {
    const std::lock_guard lock(mutex_);
    return components_;
}

base::Result<void> Quarantine::lift(const types::ComponentDigest& digest) {
    // The one that runs ask for is not held while the disk is waited for.
    const std::lock_guard writing(file_mutex_);
    if (!list().contains(digest)) {
        return base::Error(base::ErrorKind::NotFound, "no_strikes",
                           fmt::format("component {} has no strikes", types::to_string(digest)),
                           "GET /node/quarantine lists those that have");
    }
    StrikeLine line;
    line.kind = StrikeLine::Kind::Lifted;
    line.at = clock_.wall_now();
    line.digest = digest;
    const auto text = encode(line);
    const auto before = ::lseek(file_, 0, SEEK_END);
    const auto written = ::write(file_, text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(file_) != 0) {
        auto error = file_error("write", path_);
        (void)::ftruncate(file_, before);
        return error;
    }
    const std::lock_guard lock(mutex_);
    components_.erase(digest);
    recount_locked();
    return base::ok();
}

}  // namespace wavs::engine
