// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

namespace wavs::e2e {
namespace {

class Load : public Scenario {
protected:
    void begin(Options options = {}) {
        start(std::move(options));
        service_ = service({{"default", workflow("echo", contracts_)}});
        opt_in(service_);
    }
    void fire(std::string_view input) {
        must(devnet_->send_trigger(contracts_.trigger, base::to_bytes(input)));
        ++fired_;
    }
    void expect_one_result_each() {
        wait_until("every event has a result",
                   [&] { return handled_count(contracts_.handler) >= fired_; });
        std::set<std::uint64_t> triggers;
        for (const auto& one : must(devnet_->handled(contracts_.handler))) {
            EXPECT_TRUE(triggers.insert(one.trigger_id).second);
        }
        EXPECT_EQ(triggers.size(), fired_);
    }
    bool alive() { return run(client().livez()).has_value(); }
    double rss_mb() {
        std::ifstream status("/proc/" + std::to_string(devnet_->node().pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) {
                return std::strtod(line.c_str() + 6, nullptr) / 1024;
            }
        }
        return 0;
    }

    types::Service service_;
    std::size_t fired_ = 0;
};

TEST_F(Load, a_subsystem_that_stalls_or_ends_loses_nothing) {
    begin();
    for (const std::string fault : {"source:3:delay", "source:3:error", "batches:3:delay",
                                    "batches:3:error", "worker:3:delay", "follow:3:delay",
                                    "follow:3:error", "commit:20:delay", "commit:20:error"}) {
        SCOPED_TRACE(fault);
        must(devnet_->stop_node());
        devnet_->set_node_env({{"WAVS_FAULT", fault}});
        must(devnet_->restart_node());
        for (int i = 0; i < 12; ++i) {
            fire(fault + std::to_string(i));
            EXPECT_TRUE(alive()) << "HTTP goes on";
        }
        expect_one_result_each();
    }
}

TEST_F(Load, a_chain_that_stops_answering_loses_nothing) {
    begin();
    for (int i = 0; i < 10; ++i) {
        fire("before " + std::to_string(i));
    }
    const int anvil = devnet_->anvil().pid();
    ASSERT_EQ(::kill(anvil, SIGSTOP), 0);
    must(timers_.sleep_for(std::chrono::seconds(2)));
    EXPECT_TRUE(alive()) << "HTTP goes on";
    ASSERT_EQ(::kill(anvil, SIGCONT), 0);
    for (int i = 0; i < 10; ++i) {
        fire("after " + std::to_string(i));
    }
    expect_one_result_each();
}

TEST_F(Load, a_slow_disk_loses_nothing) {
    begin();
    must(devnet_->stop_node());
    devnet_->set_node_env({{"WAVS_FAULT", "commit:1+:delay=60"}});
    must(devnet_->restart_node());
    for (int i = 0; i < 20; ++i) {
        fire(std::to_string(i));
    }
    EXPECT_TRUE(alive());
    expect_one_result_each();
}

// A data directory on a small disk of its own.
class SmallDisk : public Load {
protected:
    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "mounting a small disk needs root";
        }
        disk_ = folder_ / "node-0" / "data";
        std::filesystem::create_directories(disk_);
        if (::mount("tmpfs", disk_.c_str(), "tmpfs", 0, "size=96m") != 0) {
            GTEST_SKIP() << "no permission to mount a small disk";
        }
        mounted_ = true;
    }
    void TearDown() override {
        if (mounted_) {
            if (devnet_ && devnet_->has_node()) {
                (void)run(devnet_->kill_node());
            }
            ::umount2(disk_.c_str(), MNT_DETACH);
        }
    }
    /// Leaves so much room.
    void fill(std::uint64_t left) {
        const auto room = std::filesystem::space(disk_).available;
        std::ofstream filler(disk_ / "filler", std::ios::binary);
        const std::string block(64 << 10, 'x');
        for (std::uint64_t written = 0; written + left < room && filler; written += block.size()) {
            filler.write(block.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(
                                           block.size(), room - left - written)));
        }
    }
    void make_room() { std::filesystem::remove(disk_ / "filler"); }

    std::filesystem::path disk_;
    bool mounted_ = false;
};

TEST_F(SmallDisk, a_low_disk_stops_the_intake_and_loses_nothing) {
    begin({.node_config = "[wavs.storage]\nmin_free_bytes = 33554432\n"});
    fire("before");
    expect_one_result_each();
    fill(16 << 20);
    wait_until("the node sees it", [&] { return metric("wavs_disk_free_bytes") < (32 << 20); });
    fire("while the disk is low");
    EXPECT_THAT(trigger_by_hand(service_, "by hand"), ::testing::HasSubstr("min_free_bytes"));
    EXPECT_EQ(handled_count(contracts_.handler), 1U);
    make_room();
    expect_one_result_each();
}

TEST_F(SmallDisk, a_full_disk_loses_nothing) {
    start({.node_config = "[wavs.storage]\nmin_free_bytes = 0\n"});
    service_ =
        service({{"default", workflow("echo", contracts_)}, {"by-hand", manual_workflow("echo")}});
    opt_in(service_);
    fire("before");
    expect_one_result_each();
    fill(0);
    // The journal has room of its own to use up.
    const std::string large(1 << 20, 'y');
    std::string refused;
    for (int i = 0; i < 60 && refused.empty(); ++i) {
        refused = trigger_by_hand(service_, large + std::to_string(i), "by-hand");
    }
    wait_until("the node has ended", [&] { return !devnet_->node().running(); });
    EXPECT_THAT(node_log(), ::testing::HasSubstr("check free space"));
    for (int i = 0; i < 20; ++i) {
        fire("while the disk is full " + std::to_string(i));
    }
    make_room();
    must(devnet_->restart_node());
    expect_one_result_each();
}

TEST_F(Load, scenario_12_evm_trigger_backpressure) {
    begin();
    // One transaction: 64 logs that nobody asked for, then the event.
    base::Bytes code;
    const auto append = [&code](std::initializer_list<unsigned> bytes) {
        for (const auto byte : bytes) {
            code.push_back(static_cast<std::uint8_t>(byte));
        }
    };
    for (int i = 0; i < 64; ++i) {
        append({0x7f});  // PUSH32 topic, PUSH1 0 (size), PUSH1 0 (offset), LOG1
        code.insert(code.end(), 32, 0xab);
        append({0x60, 0, 0x60, 0, 0xa1});
    }
    const auto call = cli::add_trigger_call(base::as_bytes(std::string_view("not lost")));
    const auto size = static_cast<unsigned>(call.size());
    // CODECOPY of the call data behind this code, then CALL.
    const auto data_at = static_cast<unsigned>(code.size() + 9 + 10 + 21 + 9);
    append({0x61, size >> 8, size & 0xff, 0x61, data_at >> 8, data_at & 0xff, 0x60, 0, 0x39});
    append({0x60, 0, 0x60, 0, 0x61, size >> 8, size & 0xff, 0x60, 0, 0x5f});
    append({0x73});
    code.insert(code.end(), contracts_.trigger.array().begin(), contracts_.trigger.array().end());
    // GAS, CALL; success jumps over an INVALID, so that the gas estimate has room for the call.
    const auto done = data_at - 2;
    append({0x5a, 0xf1, 0x61, done >> 8, done & 0xff, 0x57, 0xfe, 0x5b, 0x00});
    ASSERT_EQ(code.size(), data_at);
    code.insert(code.end(), call.begin(), call.end());
    const auto receipt =
        must(devnet_->anvil().send_and_wait(devnet_->owner(), std::nullopt, std::move(code)));
    ASSERT_EQ(receipt.logs.size(), 65U);
    fired_ = 1;
    expect_one_result_each();
    const auto handled = must(devnet_->handled(contracts_.handler));
    EXPECT_EQ(base::as_text(handled.at(0).data), "not lost");
}

TEST_F(Load, scenario_46_same_tx_other_block_hash) {
    begin();
    const auto fired = must(devnet_->fire(contracts_.trigger, base::to_bytes("moved")));
    fired_ = 1;
    expect_one_result_each();
    auto rpc = devnet_->anvil().rpc();
    const auto logs = must(rpc.logs({{contracts_.trigger}, {cli::new_trigger_topic()}},
                                    fired.block_number, fired.block_number));
    auto moved = logs.at(0);
    moved.block_hash->array()[0] ^= 1;
    types::TriggerAction action;
    action.config = {service_.id(), id("default"), service_.workflows.at(id("default")).trigger};
    action.data = chain_evm::to_trigger_data(moved, cli::Devnet::chain()).value();
    must(client().simulate_trigger({.action = std::move(action)}));
    wait_until("both are on chain", [&] { return handled_count(contracts_.handler) == 2; });
    const auto handled = must(devnet_->handled(contracts_.handler));
    EXPECT_NE(handled.at(0).event_id, handled.at(1).event_id);
    EXPECT_EQ(handled.at(0).trigger_id, handled.at(1).trigger_id);
}

TEST_F(Load, scenario_57_load) {
    start();
    const auto echo = service({{"default", manual_workflow("echo")}});
    must(devnet_->publish(echo));
    must(devnet_->register_service(echo));
    constexpr std::size_t kEvents = 10'000;
    types::TriggerAction action;
    action.config = {echo.id(), id("default"), echo.workflows.at(id("default")).trigger};
    action.data = types::RawData{base::to_bytes(std::string_view("load"))};
    const auto start = clock_.steady_now();
    const auto before = rss_mb();
    must(client().simulate_trigger(
        {.action = std::move(action), .count = kEvents, .wait_for_completion = false}));
    wait_until("every event has run", [&] { return metric("wavs_events_done_total") >= kEvents; });
    const std::chrono::duration<double> seconds = clock_.steady_now() - start;
    std::printf("%.0f events per second, %.0f MB more memory\n",
                static_cast<double>(kEvents) / seconds.count(), rss_mb() - before);
    EXPECT_EQ(metric("wavs_events_done_total"), kEvents);
    EXPECT_EQ(metric("wavs_events_failed_total"), 0);
    EXPECT_LT(rss_mb(), before + 1'000) << "bounded, also under a sanitizer";
}

}  // namespace
}  // namespace wavs::e2e
