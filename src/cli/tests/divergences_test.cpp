// SPDX-License-Identifier: Apache-2.0
#include "divergences_command.hpp"

#include <gmock/gmock.h>

namespace wavs::cli {
namespace {

using ::testing::ElementsAre;

TEST(Divergences, who_signed_what_and_where_it_parts) {
    const auto lines = divergence_lines(
        R"({"divergences":[{"service_id":"aa","workflow_id":"default","event_id":"0x01","results":[)"
        R"({"digest":"0x","ordering":"0x","payload":"0x","form":"json","text":"{\"price\":1}",)"
        R"("signers":[{"address":"0xA","delivered_by":"self","received_at_ns":1},)"
        R"({"address":"0xB","delivered_by":"12D3","received_at_ns":2}]},)"
        R"({"digest":"0x","ordering":"0x","payload":"0x","form":"json","text":"{\"price\":2}",)"
        R"("signers":[{"address":"0xC","delivered_by":"12D3","received_at_ns":3}]}],)"
        R"("differences":[{"place":"/price","other":1,"left":"1","right":"2"}]}]})");
    EXPECT_THAT(lines.value(),
                ElementsAre("event 0x01  workflow default  service aa",
                            "  result 1, signed by 0xA (this node), 0xB", R"(    json {"price":1})",
                            "  result 2, signed by 0xC", R"(    json {"price":2})",
                            "  at /price: 1 in result 1, 2 in result 2"));
}

TEST(Divergences, none_is_said) {
    EXPECT_THAT(divergence_lines(R"({"divergences":[]})").value(),
                ElementsAre("the operators agree on all events this node remembers"));
    EXPECT_FALSE(divergence_lines("[]").has_value());
}

}  // namespace
}  // namespace wavs::cli
