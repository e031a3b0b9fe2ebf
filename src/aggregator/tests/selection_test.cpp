// SPDX-License-Identifier: Apache-2.0
// The component chooses which signatures are posted.
#include "quorum_fixture.hpp"

namespace wavs::aggregator {
namespace {

using std::chrono::seconds;
using testing::QuorumTest;

class SelectionTest : public QuorumTest {
protected:
    using Choice = base::Result<std::optional<std::vector<std::uint32_t>>>;
    void choose(std::function<Choice(const std::vector<QuorumEntry>&)> choice) {
        for (auto& one : operators_) {
            one->components.choose = choice;
        }
    }
    std::vector<std::string> callbacks() const { return operators_[0]->components.callbacks; }
};

TEST_F(SelectionTest, it_drops_one_and_the_rest_is_posted) {
    found(4, 2);
    std::set<std::size_t> offered;
    choose([&](const auto& entries) -> Choice {
        offered.insert(entries.size());
        for (std::size_t i = 1; i < entries.size(); ++i) {
            EXPECT_LT(entries[i - 1].signer, entries[i].signer);
            EXPECT_EQ(entries[i].weight, "1");
        }
        std::vector<std::uint32_t> all;
        for (std::uint32_t i = 1; i < entries.size(); ++i) {
            all.push_back(i);
        }
        return std::optional(all);
    });
    all_sign(0);
    pass(seconds(30));
    expect_posted_once(1);
    EXPECT_EQ(chain_.find(id_of(*operators_[0], 0))->signatures + 1, *offered.rbegin());
}

TEST_F(SelectionTest, it_waits_for_all_and_is_asked_only_when_there_is_another) {
    found(3, 2);
    int asked = 0;
    choose([&](const auto& entries) -> Choice {
        ++asked;
        std::vector<std::uint32_t> out;
        for (std::uint32_t i = 0; entries.size() == 3 && i < 3; ++i) {
            out.push_back(i);
        }
        return std::optional(out);
    });
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(120));
    EXPECT_EQ(chain_.mined.size(), 0U);
    const auto asked_before = asked;
    EXPECT_LE(asked_before, 3) << "once per operator that had its turn";
    EXPECT_EQ(callbacks().back(), "Selection: the component waits for more signatures");
    sign_event(*operators_[2], 0);
    pass(seconds(30));
    expect_posted_once(1);
    EXPECT_EQ(chain_.find(id_of(*operators_[0], 0))->signatures, 3U);
    EXPECT_EQ(callbacks().back(), "ok");
}

TEST_F(SelectionTest, an_error_holds_the_queue_and_harms_no_other) {
    found(3, 2);
    choose([](const auto&) -> Choice {
        return base::Error(base::ErrorKind::Guest, "select_indices", "index 7 of 2 entries");
    });
    all_sign(0);
    pass(seconds(60));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_EQ(callbacks().back(), "Selection: index 7 of 2 entries");
    choose({});
    all_sign(1);
    pass(seconds(30));
    EXPECT_TRUE(chain_.has(id_of(*operators_[0], 1)));
}

TEST_F(SelectionTest, a_choice_without_quorum_is_not_posted) {
    found(3, 2);
    choose([](const auto&) -> Choice { return std::optional(std::vector<std::uint32_t>{0}); });
    all_sign(0);
    pass(seconds(60));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_THAT(callbacks().back(), ::testing::HasSubstr("Selection: Insufficient Quorum"));
}

}  // namespace
}  // namespace wavs::aggregator
