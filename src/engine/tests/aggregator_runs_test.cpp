// SPDX-License-Identifier: Apache-2.0
// The exports of aggregator components.
#include "engine_fixture.hpp"

namespace wavs::engine {
namespace {

using rt::testing::FakeAnswer;
using rt::testing::FakeGuest;
using rt::testing::FakeStatus;
using ::testing::HasSubstr;

TEST_F(EngineTest, errors_of_the_aggregator_have_the_known_prefixes) {
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.status = FakeStatus::ExecResult, .message = "no"};
    });
    const auto job = aggregator_job(submitting_service());
    EXPECT_EQ(wait(engine().process_input(job)).error().message(),
              "Process packet execution failed: no");
    EXPECT_EQ(wait(engine().handle_timer_callback(job)).error().message(),
              "Timer callback execution failed: no");
    EXPECT_EQ(wait(engine().handle_submit_callback(job, std::string("x"))).error().message(),
              "Submit callback execution failed: no");
    EXPECT_EQ(run(submitting_service()).error().message(), "no");
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.status = FakeStatus::OutOfFuel, .message = "empty"};
    });
    EXPECT_EQ(wait(engine().process_input(job)).error().message(), "empty");
}

TEST_F(EngineTest, the_aggregator_answers_actions) {
    const auto job = aggregator_job(submitting_service());
    fake_.on_run([&](const FakeGuest& guest) {
        EXPECT_EQ(guest.request().entry, rt::Export::ProcessInput);
        EXPECT_EQ(guest.request().input, flat_aggregator_input(*job.action, *job.response));
        return FakeAnswer{.output = responses("01000000000300000000000000")};
    });
    const auto actions = wait(engine().process_input(job));
    ASSERT_TRUE(actions.has_value()) << actions.error().full_text();
    EXPECT_EQ(actions.value(),
              std::vector{types::AggregatorAction(types::TimerAction{.delay_secs = 3})});
}

TEST_F(EngineTest, without_submit_the_aggregator_does_not_run) {
    const auto job = aggregator_job(service());
    EXPECT_TRUE(wait(engine().process_input(job)).value().empty());
    EXPECT_TRUE(wait(engine().handle_submit_callback(job, std::string("x"))).has_value());
    EXPECT_EQ(fake_.runs(), 0U);
}

const types::SubmitAction kSubmit =
    types::EvmSubmitAction{.chain = types::ChainKey::parse("evm:1").value(),
                           .address = id_of<types::EvmAddress>(1),
                           .gas_price = std::nullopt};
const std::vector<QuorumEntry> kEntries{{.signer = {1}, .weight = "1", .signature = {1}},
                                        {.signer = {2}, .weight = "2", .signature = {2}}};

TEST_F(EngineTest, a_component_that_chooses_nothing_is_not_run) {
    const auto job = aggregator_job(submitting_service());
    EXPECT_EQ(wait(engine().select(job, kSubmit, kEntries)).value(), std::nullopt);
    const auto loads = fake_.loads();
    EXPECT_EQ(wait(engine().select(job, kSubmit, kEntries)).value(), std::nullopt);
    EXPECT_EQ(fake_.loads(), loads);
    fake_.set_selects(true);
    EXPECT_EQ(wait(engine().select(aggregator_job(service()), kSubmit, kEntries)).value(),
              std::nullopt);
    EXPECT_EQ(fake_.runs(), 0U);
}

TEST_F(EngineTest, a_choice_is_asked_for_checked_and_sorted) {
    fake_.set_selects(true);
    const auto job = aggregator_job(submitting_service());
    base::Bytes output = responses("020000000100000000000000");
    fake_.on_run([&](const FakeGuest& guest) {
        EXPECT_EQ(guest.request().entry, rt::Export::Select);
        EXPECT_EQ(guest.request().input, flat_selection(job.event_id, kSubmit, kEntries));
        EXPECT_EQ(guest.request().event_id, job.event_id.array());
        return FakeAnswer{.output = output};
    });
    const auto chosen = wait(engine().select(job, kSubmit, kEntries));
    ASSERT_TRUE(chosen.has_value()) << chosen.error().full_text();
    EXPECT_EQ(chosen.value(), (Selection{0, 1}));
    output = kNoResponse;
    EXPECT_EQ(wait(engine().select(job, kSubmit, kEntries)).value(), Selection{});
    output = responses("0100000002000000");
    EXPECT_EQ(wait(engine().select(job, kSubmit, kEntries)).error().code(),
              base::ErrorCode("select_indices"));
    EXPECT_THAT(metrics_.render(), HasSubstr("select_indices"));
    output = {1};
    EXPECT_EQ(wait(engine().select(job, kSubmit, kEntries)).error().code(),
              base::ErrorCode("rt_output"));
}

TEST_F(EngineTest, a_choice_that_fails_says_why_in_the_components_words) {
    fake_.set_selects(true);
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.status = FakeStatus::ExecResult, .message = "no"};
    });
    const auto refused = wait(engine().select(aggregator_job(submitting_service()), kSubmit, {}));
    EXPECT_EQ(refused.error().kind(), base::ErrorKind::Guest);
    EXPECT_EQ(refused.error().message(), "no");
    fake_.on_load([](World /*world*/, base::ByteView /*wasm*/) {
        return FakeAnswer{.status = FakeStatus::NeedsNewerNode, .message = "newer"};
    });
    digest_ = store_component({7, 7});
    const auto unfit = wait(engine().select(aggregator_job(submitting_service()), kSubmit, {}));
    EXPECT_EQ(unfit.error().code(), base::ErrorCode("needs_newer_node"));
}

TEST_F(EngineTest, the_built_in_aggregator_stands_behind_its_name) {
    options_.embedded_aggregator = std::make_shared<const base::Bytes>(base::Bytes{5, 5});
    const auto expected = hash::sha256(base::Bytes{5, 5});
    const auto of = snapshot_of(
        service_with(component_of_digest(digest_),
                     types::SubmitAggregator{.component = types::embedded_aggregator({}),
                                             .signature_kind = types::kEvmSignatureKind}));
    fake_.on_run([&](const FakeGuest& guest) {
        EXPECT_EQ(guest.request().digest, expected);
        return FakeAnswer{.output = {0, 0, 0, 0}};
    });
    EXPECT_TRUE(wait(engine().process_input(aggregator_job(of))).has_value());
    const auto info =
        wait(engine().prepare(types::embedded_aggregator_digest(), World::Aggregator));
    ASSERT_TRUE(info.has_value());
    EXPECT_TRUE(fake_.pinned(expected));
    engine().release(types::embedded_aggregator_digest());
    EXPECT_FALSE(fake_.known(expected));
}

}  // namespace
}  // namespace wavs::engine
