// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"
#include "local_node.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

namespace wavs::bench {
namespace {

constexpr unsigned kEvents = 100;

// What the disk takes for the smallest promise: some bytes at the end of a file whose blocks are
// there already, as those of RocksDB's log are.
class SyncedFile {
public:
    explicit SyncedFile(const std::filesystem::path& path)
        : file_(::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)) {
        constexpr off_t kAhead = 4 << 20;
        if (file_ < 0 || ::fallocate(file_, FALLOC_FL_KEEP_SIZE, 0, kAhead) != 0) {
            throw std::runtime_error("cannot write " + path.string());
        }
    }
    ~SyncedFile() { ::close(file_); }
    SyncedFile(const SyncedFile&) = delete;
    SyncedFile& operator=(const SyncedFile&) = delete;

    double append_us() {
        constexpr std::array<char, 512> kBytes{};
        const auto start = std::chrono::steady_clock::now();
        if (::write(file_, kBytes.data(), kBytes.size()) < 0 || ::fdatasync(file_) != 0) {
            throw std::runtime_error("cannot sync a file");
        }
        return micros_between(start, std::chrono::steady_clock::now());
    }

private:
    int file_;
};

async::Task<int> fire_timed(Fire fire, types::TriggerAction action, double& micros,
                            std::optional<base::Error>& error) {
    const auto start = std::chrono::steady_clock::now();
    auto ended = co_await async::as_task(fire(std::move(action)));
    micros = micros_between(start, std::chrono::steady_clock::now());
    if (!ended.has_value()) {
        error = std::move(ended).error();
    }
    co_return 0;
}

}  // namespace

void latency_idle(const Settings& settings) {
    const auto folder = fresh_folder(settings, "latency_idle");
    ClientSide side;
    LocalNode node(folder / "node");
    cli::NodeClient client(side.http(), node.url());
    const auto config = config_of(register_bench_service(side, client));
    std::vector<double> p50;
    std::vector<double> p99;
    std::vector<double> syncs;
    SyncedFile file(folder / "sync");
    std::uint64_t number = 1;
    for (unsigned run = 0; run < settings.runs; ++run) {
        std::vector<double> latencies;
        std::vector<double> appends;
        for (unsigned i = 0; i < kEvents; ++i) {
            latencies.push_back(0);
            std::optional<base::Error> error;
            node.run(fire_timed(node.fire(), action_of(config, number++), latencies.back(), error));
            if (error) {
                throw std::runtime_error(error->full_text());
            }
            appends.push_back(file.append_us());
        }
        p50.push_back(percentile(latencies, 0.5));
        p99.push_back(percentile(latencies, 0.99));
        syncs.push_back(median(std::move(appends)));
    }
    Line("latency_idle")
        .add("p50_us", median(std::move(p50)))
        .add("p99_us", median(std::move(p99)))
        .add("sync_us", median(std::move(syncs)))
        .print();
}

}  // namespace wavs::bench
