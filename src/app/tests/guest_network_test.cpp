// SPDX-License-Identifier: Apache-2.0
#include "guest_network.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/base/assert.hpp"
#include "wavs/rt/testing/fake_library.hpp"
#include "wavs/storage/blob_store.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/storage/memory_store.hpp"

#include <gmock/gmock.h>

namespace wavs::app {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GuestNetworkTest : public ::testing::Test {
protected:
    void SetUp() override {
        folder_ = storage::make_temporary_folder("wavs-app-test").value();
        quarantine_ = engine::Quarantine::open(folder_ / "strikes", clock_, metrics_).value();
        engine::Options options;
        options.data = folder_;
        auto made = engine::Engine::create(options, {.blocking = runtime_.blocking(),
                                                     .metrics = metrics_,
                                                     .store = store_,
                                                     .blobs = blobs_,
                                                     .library = fake_.library(),
                                                     .quarantine = *quarantine_});
        WAVS_ASSERT(made.has_value());
        engine_ = std::move(made.value());
    }
    void TearDown() override {
        engine_.reset();
        runtime_.stop();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    base::Result<void> start() {
        return network_.emplace(*engine_, config_)
            .start(std::make_shared<const types::ChainConfigs>(chains_));
    }
    std::string refusal() {
        const auto started = start();
        if (started.has_value()) {
            return "started";
        }
        EXPECT_FALSE(started.error().remedy().empty());
        return std::string(started.error().message());
    }

    std::filesystem::path folder_;
    base::SystemClock clock_;
    telemetry::Metrics metrics_;
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 1}};
    storage::MemoryStore store_;
    storage::BlobStore blobs_{folder_ / "ca"};
    rt::testing::FakeLibrary fake_;
    std::unique_ptr<engine::Quarantine> quarantine_;
    std::unique_ptr<engine::Engine> engine_;
    config::EngineConfig config_;
    types::ChainConfigs chains_;
    std::optional<GuestNetwork> network_;
};

TEST_F(GuestNetworkTest, own_ports_stay_refused_when_chains_change) {
    config_.allow_private = {"10.0.0.0/8"};
    ASSERT_TRUE(start().has_value());
    EXPECT_THAT(fake_.network()->allow, ElementsAre("10.0.0.0/8"));
    EXPECT_TRUE(fake_.network()->deny_private);

    ASSERT_TRUE(network_->add_own_port(8041).has_value());
    types::ChainConfigs chains;
    types::EvmChainConfig evm;
    evm.http_endpoint = "http://127.0.0.1:8545";
    ASSERT_TRUE(
        chains
            .add(types::ChainKey::parse("evm:31337").value(), {.chain_id = "31337", .config = evm})
            .has_value());
    ASSERT_TRUE(network_->set_chains(std::make_shared<types::ChainConfigs>(chains)).has_value());
    EXPECT_THAT(fake_.network()->own_ports, ElementsAre(8041));
    EXPECT_THAT(fake_.network()->allow, Contains("127.0.0.1:8545"));
}

TEST_F(GuestNetworkTest, an_exception_that_cannot_be_read_names_its_key) {
    config_.allow_private = {""};
    EXPECT_THAT(refusal(), HasSubstr("engine.allow_private"));
}

TEST_F(GuestNetworkTest, authorities_are_read_and_a_failure_names_the_key_and_the_file) {
    const auto file = folder_ / "ca.pem";
    config_.tls_ca_file = file;
    EXPECT_THAT(refusal(), AllOf(HasSubstr("engine.tls_ca_file"), HasSubstr(file.string())));

    ASSERT_TRUE(storage::write_file_atomically(file, "").has_value());
    EXPECT_THAT(refusal(), AllOf(HasSubstr("engine.tls_ca_file"), HasSubstr("is empty")));

    config_.tls_ca_file = folder_;
    EXPECT_THAT(refusal(), AllOf(HasSubstr("engine.tls_ca_file"), HasSubstr("directory")));

    config_.tls_ca_file = file;
    ASSERT_TRUE(storage::write_file_atomically(file, "pem").has_value());
    ASSERT_TRUE(start().has_value());
    EXPECT_EQ(fake_.network()->ca_pem, "pem");
}

}  // namespace
}  // namespace wavs::app
