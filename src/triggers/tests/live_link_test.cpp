// SPDX-License-Identifier: Apache-2.0
// What the link should have brought and did not.
#include "source_bed.hpp"

namespace wavs::triggers {
namespace {

class LiveLinkTest : public SourceTest {
protected:
    void pass_blocks(int count) {
        for (int i = 0; i < count; ++i) {
            chain_.extend('a');
            tell_head();
            advance(std::chrono::seconds(1));
        }
    }
};

TEST_F(LiveLinkTest, a_log_that_it_lost_is_made_up_for_and_told) {
    start();
    chain_.extend('a');
    chain_.add_log(chain_.head());
    tell_head();
    pass_blocks(3);
    expect_events_of_chain({101});
    EXPECT_EQ(log_.count("the link did not bring logs"), 1U);
}

TEST_F(LiveLinkTest, a_log_from_before_it_was_there_is_no_fault_of_it) {
    chain_.add_log(99);
    chain_.add_log(100);
    start();
    pass_blocks(3);
    expect_events_of_chain({});
    EXPECT_EQ(log_.count("the link did not bring logs"), 0U);
}

}  // namespace
}  // namespace wavs::triggers
