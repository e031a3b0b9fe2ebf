// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/testing/run.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/base/testing/fake_clock.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/submission/submitter.hpp"

#include <gmock/gmock.h>

namespace wavs::submission {
namespace {

constexpr std::string_view kMnemonic =
    "test test test test test test test test test test test junk";

class SubmissionTest : public ::testing::Test {
protected:
    SubmissionTest() {
        service_.service.manager = types::EvmManager{
            types::ChainKey::parse("evm:31337").value(),
            types::parse_evm_address("0x1111111111111111111111111111111111111111").value()};
        types::Workflow workflow;
        workflow.submit = types::SubmitAggregator{.signature_kind = types::kEvmSignatureKind};
        service_.service.workflows[types::WorkflowId()] = workflow;
        service_.id = service_.service.id();
        service_.hd_index = 1;
        service_.signer = run(signer_.address(1)).value();
    }

    template <typename T>
    T run(async::Task<T> task) {
        return async::testing::run(context_, std::move(task));
    }

    template <typename T>
    T run(async::Flow<T> flow) {
        return run(async::as_task(std::move(flow)));
    }

    types::EventJob job(base::Bytes input) {
        types::TriggerAction action{{service_.id, types::WorkflowId(), types::ManualTrigger{}},
                                    types::RawData{std::move(input)}};
        auto record =
            types::make_event_record(1, std::move(action), {}, clock_.wall_now(), "manual");
        return {std::make_shared<types::RegisteredService>(service_),
                std::make_shared<types::EventRecord>(std::move(record))};
    }

    base::Result<SignedRun> sign(const types::EventJob& event,
                                 std::vector<types::WasmResponse> responses) {
        return run(submitter_.sign(event, event.service, std::move(responses)));
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    storage::MemoryStore store_;
    telemetry::Metrics metrics_;
    LocalSigner signer_{crypto::Keyring::from_mnemonic(kMnemonic).value()};
    Ledger ledger_{store_};
    Submitter submitter_{signer_, ledger_, clock_, metrics_};
    types::RegisteredService service_;
};

TEST_F(SubmissionTest, signs_the_recorded_vector) {
    const auto signed_run = sign(job({1, 2, 3}), {{.payload = {0xde, 0xad, 0xbe, 0xef}}});
    ASSERT_TRUE(signed_run.has_value()) << signed_run.error().full_text();
    const auto& submission = signed_run.value().results.at(0).submission;
    EXPECT_EQ(types::to_string(submission.event_id), "a6fc5f71e2995f593bca8ff15ecefcfcf2e8793d");
    EXPECT_EQ(
        base::hex(submission.envelope_signature.data),
        "22c3be9b0cfbe79b606e62d19ffdcc4fc964872411c88d95864437f182775ab75277cdce025649e957f52426"
        "edcccd2cdf1a596e5644df18796044376b1fa8931b");
    EXPECT_EQ(crypto::signer_of(submission).value(), service_.signer);
}

TEST_F(SubmissionTest, submit_none_gives_no_result) {
    service_.service.workflows[types::WorkflowId()].submit = types::SubmitNone{};
    EXPECT_TRUE(sign(job({1}), {{.payload = {1}}}).value().results.empty());
}

TEST_F(SubmissionTest, a_second_digest_for_one_event_is_refused) {
    const auto event = job({1});
    {
        auto first = sign(event, {{.payload = {1}}});
        ASSERT_TRUE(run(store_.commit(first.value().batch)).has_value());
    }
    EXPECT_TRUE(sign(event, {{.payload = {1}}}).has_value())
        << "the same result may be signed again";
    const auto second = sign(event, {{.payload = {2}}});
    EXPECT_EQ(second.error().code().view(), "double_sign");
    EXPECT_THAT(metrics_.render(), ::testing::HasSubstr("wavs_signatures_refused_total 1"));
}

TEST_F(SubmissionTest, a_reservation_blocks_another_digest_before_it_is_stored) {
    const auto event = job({1});
    {
        const auto first = sign(event, {{.payload = {1}}});
        EXPECT_EQ(sign(event, {{.payload = {2}}}).error().code().view(), "double_sign");
    }
    EXPECT_TRUE(sign(event, {{.payload = {2}}}).has_value()) << "given up, so never signed";
}

TEST_F(SubmissionTest, two_responses_with_one_event_id_are_refused) {
    EXPECT_EQ(sign(job({1}), {{.payload = {1}}, {.payload = {2}}}).error().code().view(),
              "double_sign");
}

TEST_F(SubmissionTest, salted_responses_get_their_own_ids) {
    const auto result = sign(job({1}), {{.payload = {1}, .event_id_salt = base::Bytes{1}},
                                        {.payload = {2}, .event_id_salt = base::Bytes{2}}});
    const auto& results = result.value().results;
    ASSERT_EQ(results.size(), 2U);
    EXPECT_NE(results[0].submission.event_id, results[1].submission.event_id);
    EXPECT_EQ(results[1].response_index, 1U);
}

}  // namespace
}  // namespace wavs::submission
