// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench.hpp"
#include "wavs/aggregator/aggregator.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/p2p/start.hpp"
#include "wavs/storage/rocksdb_store.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace wavs::bench {

/// Operators of one service in this process, each with what its node has from the signed result on:
/// peers over TCP on loopback, a database, exchange and aggregator. In place of component and chain
/// stands what answers at once: measured is what a node adds.
class Fleet {
public:
    Fleet(const std::filesystem::path& folder, std::size_t operators, std::size_t threshold);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    /// Signed beforehand, by every operator.
    void prepare(std::uint32_t first, std::uint32_t count);
    /// The operator's result of the event is stored and handed over.
    void hand_over(std::size_t index, std::uint32_t event);
    /// When each event was handed to the chain client first, by somebody.
    std::chrono::steady_clock::time_point wait_posted(std::uint32_t event);
    /// How often events were handed to a chain client, by all operators.
    std::size_t posts() const;
    std::size_t open_queues(std::size_t index) const;

private:
    struct Operator;
    class Chain;
    class Components;
    void connect();
    types::ResultRecord result_of(const Operator& one, std::uint32_t event) const;

    /// Of the caller's own questions. It outlives the pools, whose threads may still hold its
    /// executor.
    boost::asio::io_context context_;
    async::Runtime runtime_{{.io_threads = 2, .blocking_threads = 2}};
    base::SystemClock clock_;
    async::SystemTimers timers_;
    std::unique_ptr<Chain> chain_;
    std::unique_ptr<Components> components_;
    std::vector<std::unique_ptr<Operator>> operators_;
    std::map<std::pair<std::size_t, std::uint32_t>, types::ResultRecord> prepared_;
};

}  // namespace wavs::bench
