// SPDX-License-Identifier: Apache-2.0
#include "dispatcher_bed.hpp"

namespace wavs::dispatcher {
namespace {

class OrderingTest : public DispatcherTest {};

TEST_F(OrderingTest, an_ordered_workflow_runs_one_event_after_the_other) {
    order_workflow();
    start();
    register_service();
    node_.hold = true;
    deliver({action(1), action(2), action(3)});
    ASSERT_EQ(node_.held.size(), 1U);
    node_.let_go();
    settle();
    EXPECT_THAT(submitted_inputs(), ::testing::ElementsAre(1));
    ASSERT_EQ(node_.held.size(), 1U);
    // It fails, and the third one runs all the same.
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "component_error", "trapped"));
    node_.let_go();
    settle();
    ASSERT_EQ(node_.held.size(), 1U);
    node_.let_go();
    settle();
    EXPECT_THAT(submitted_inputs(), ::testing::ElementsAre(1, 3));
    EXPECT_EQ(journal_->work(types::WorkKind::FailedEvent).value().size(), 1U);
}

TEST_F(OrderingTest, without_order_events_of_a_workflow_run_side_by_side) {
    start();
    register_service();
    node_.hold = true;
    deliver({action(1), action(2)});
    ASSERT_EQ(node_.held.size(), 2U);
    std::swap(node_.held[0], node_.held[1]);
    node_.let_go();
    settle();
    node_.let_go();
    settle();
    EXPECT_THAT(submitted_inputs(), ::testing::ElementsAre(2, 1));
}

TEST_F(OrderingTest, an_ordered_workflow_keeps_its_order_over_a_restart) {
    order_workflow();
    start();
    register_service();
    for (std::uint8_t input = 1; input <= 4; ++input) {
        accept_only(action(input));
    }
    build();
    node_.hold = true;
    start();
    for (std::size_t done = 0; done < 4; ++done) {
        EXPECT_EQ(node_.submitted.size(), done);
        ASSERT_EQ(node_.held.size(), 1U);
        node_.let_go();
        settle();
    }
    EXPECT_THAT(submitted_inputs(), ::testing::ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace wavs::dispatcher
