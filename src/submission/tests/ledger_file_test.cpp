// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/ledger_file.hpp"

#include "wavs/async/testing/run.hpp"
#include "wavs/base/testing/fake_clock.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/submission/ledger.hpp"

#include <gmock/gmock.h>

namespace wavs::submission {
namespace {

using storage::Keyspace;
using types::SignerState;

LedgerKey key(std::uint8_t signer, std::uint8_t event) {
    LedgerKey out;
    out.signer.array().fill(signer);
    out.service.array().fill(3);
    out.workflow = types::WorkflowId::parse("flow-1").value();
    out.event.array().fill(event);
    return out;
}
types::Bytes32 digest(std::uint8_t number) {
    types::Bytes32 out;
    out.array().fill(number);
    return out;
}

/// The data of one node.
struct Node {
    storage::MemoryStore store;
    Ledger ledger{store};

    base::Result<void> sign(const LedgerKey& what, std::uint8_t result,
                            std::uint64_t at = 1'000'000'000) {
        storage::Batch batch;
        auto done = ledger.reserve(what, digest(result), {at}, batch);
        if (done.has_value()) {
            done = store.write_unsynced(batch);
            ledger.release(what);
        }
        return done;
    }
    void set(std::uint8_t signer, SignerState state) {
        EXPECT_TRUE(
            store.write_unsynced(ledger.set_state(key(signer, 0).signer, state)).has_value());
    }
    std::vector<storage::Entry> entries() { return store.scan(Keyspace::Ledger, {}).value(); }
};

class LedgerFileTest : public ::testing::Test {
protected:
    std::string exported(Node& node, std::optional<types::EvmAddress> signer = {}) {
        std::string out;
        const auto done = export_ledger(node.store, signer, {7}, [&out](std::string_view text) {
            out += text;
            return base::Result<void>(base::ok());
        });
        EXPECT_TRUE(done.has_value());
        return out;
    }
    base::Result<LedgerImport> import(Node& node, std::string document) {
        return async::testing::run(context_, import_ledger(node.store, std::move(document), now_));
    }

    boost::asio::io_context context_;
    types::Timestamp now_{5'000'000'000};
    Node here_;
    Node there_;
};

TEST_F(LedgerFileTest, the_form_of_the_file) {
    ASSERT_TRUE(here_.sign(key(1, 2), 9).has_value());
    EXPECT_EQ(exported(here_),
              "{\"format\":\"wavs-ledger\",\"version\":1,\"exported_at_ns\":7,\n"
              " \"signers\":[\"0x0101010101010101010101010101010101010101\"],\n"
              " \"entries\":[\n"
              "  {\"signer\":\"0x0101010101010101010101010101010101010101\",\"service_id\":"
              "\"0303030303030303030303030303030303030303030303030303030303030303\","
              "\"workflow_id\":\"flow-1\",\"event_id\":"
              "\"0202020202020202020202020202020202020202\",\"envelope_hash\":"
              "\"0x0909090909090909090909090909090909090909090909090909090909090909\","
              "\"signed_at_ns\":1000000000}\n ]}\n");
}

TEST_F(LedgerFileTest, what_was_signed_there_is_not_signed_otherwise_here) {
    for (int event = 0; event < 250; ++event) {
        for (std::uint8_t signer = 1; signer <= 9; ++signer) {
            ASSERT_TRUE(there_.sign(key(signer, static_cast<std::uint8_t>(event)), 9).has_value());
        }
    }
    here_.set(1, SignerState::Missing);
    ASSERT_FALSE(here_.sign(key(1, 2), 9).has_value());
    const auto done = import(here_, exported(there_));
    ASSERT_TRUE(done.has_value()) << done.error().full_text();
    EXPECT_EQ(done.value().entries, 2'250U);
    EXPECT_EQ(done.value().known, 0U);
    EXPECT_EQ(done.value().signers, 9U);
    EXPECT_EQ(here_.entries().size(), 2'250U);
    Ledger restarted(here_.store);
    ASSERT_TRUE(restarted.open().has_value());
    EXPECT_EQ(restarted.state(key(1, 0).signer), SignerState::On);
    EXPECT_TRUE(restarted.knows(key(1, 0).signer).value());
    storage::Batch batch;
    EXPECT_EQ(restarted.reserve(key(1, 2), digest(8), now_, batch).error().code(),
              base::ErrorCode("double_sign"));
    EXPECT_TRUE(restarted.reserve(key(1, 2), digest(9), now_, batch).has_value());
    const auto again = import(here_, exported(there_));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again.value().known, 2'250U);
}

TEST_F(LedgerFileTest, one_signer_alone) {
    ASSERT_TRUE(there_.sign(key(1, 2), 9).has_value());
    ASSERT_TRUE(there_.sign(key(4, 2), 9).has_value());
    const auto done = import(here_, exported(there_, key(4, 0).signer));
    ASSERT_TRUE(done.has_value());
    EXPECT_EQ(done.value().entries, 1U);
    EXPECT_TRUE(here_.ledger.knows(key(4, 0).signer).value());
    EXPECT_FALSE(here_.ledger.knows(key(1, 0).signer).value());
    const auto unknown = export_ledger(there_.store, key(5, 0).signer, {7}, {});
    EXPECT_EQ(unknown.error().code(), base::ErrorCode("signer_unknown"));
}

TEST_F(LedgerFileTest, a_key_that_has_signed_nothing_may_sign_elsewhere) {
    there_.set(1, SignerState::On);
    there_.set(2, SignerState::Missing);
    ASSERT_TRUE(import(here_, exported(there_)).has_value());
    EXPECT_TRUE(here_.ledger.knows(key(1, 0).signer).value());
    EXPECT_FALSE(here_.ledger.knows(key(2, 0).signer).value());
}

TEST_F(LedgerFileTest, two_results_for_one_event_stop_the_import) {
    ASSERT_TRUE(there_.sign(key(1, 1), 7).has_value());
    ASSERT_TRUE(there_.sign(key(1, 2), 8).has_value());
    ASSERT_TRUE(here_.sign(key(1, 2), 9).has_value());
    EXPECT_EQ(import(here_, exported(there_)).error().code(), base::ErrorCode("ledger_conflict"));
    EXPECT_EQ(here_.entries().size(), 1U) << "nothing is imported";
}

TEST_F(LedgerFileTest, what_is_not_such_a_file_is_refused_whole) {
    ASSERT_TRUE(there_.sign(key(1, 1), 7).has_value());
    const auto good = exported(there_);
    const auto with = [&good](std::string_view old, std::string_view now) {
        auto out = good;
        out.replace(out.find(old), old.size(), now);
        return out;
    };
    const std::string one = "0x0101010101010101010101010101010101010101";
    for (const auto& bad :
         {std::string(), good.substr(0, good.size() / 2), with("wavs-ledger", "other"),
          with("\"version\":1", "\"version\":2"), with("[\"" + one + "\"]", "[]"),
          with("\"signed_at_ns\":1000000000", "\"signed_at_ns\":-1"), with("flow-1", "FLOW")}) {
        const auto refused = import(here_, bad);
        ASSERT_FALSE(refused.has_value()) << bad;
        EXPECT_EQ(refused.error().code(), base::ErrorCode("ledger_file")) << bad;
    }
    EXPECT_TRUE(here_.entries().empty());
    EXPECT_FALSE(here_.ledger.knows(key(1, 0).signer).value());
}

TEST_F(LedgerFileTest, a_time_that_is_still_to_come_is_taken_as_now) {
    ASSERT_TRUE(there_.sign(key(1, 1), 7, 9'000'000'000'000).has_value());
    ASSERT_TRUE(import(here_, exported(there_)).has_value());
    const auto back = exported(here_);
    EXPECT_THAT(back, ::testing::HasSubstr("\"signed_at_ns\":5000000000"));
}

}  // namespace
}  // namespace wavs::submission
