// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

namespace wavs::storage {

/// Free space of the disk that holds the data directory, against the mark below which the node
/// takes no new events: an event that is not taken is read again later, one that cannot be finished
/// is not. `refresh()` asks the system; the rest is thread-safe and never waits.
class DiskSpace {
public:
    DiskSpace(std::filesystem::path directory, std::uint64_t watermark)
        : directory_(std::move(directory)), watermark_(watermark) {
        refresh();
    }

    void refresh();
    bool low() const { return low_.load(std::memory_order_relaxed); }
    std::uint64_t free_bytes() const { return free_.load(std::memory_order_relaxed); }
    std::uint64_t watermark() const { return watermark_.load(std::memory_order_relaxed); }
    void set_watermark(std::uint64_t bytes) {
        watermark_.store(bytes, std::memory_order_relaxed);
        refresh();
    }

private:
    const std::filesystem::path directory_;
    std::atomic<std::uint64_t> watermark_;
    std::atomic<std::uint64_t> free_{0};
    std::atomic<bool> low_{false};
};

}  // namespace wavs::storage
