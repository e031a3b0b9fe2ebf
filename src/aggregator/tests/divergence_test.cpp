// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/divergence.hpp"

#include <gmock/gmock.h>

namespace wavs::aggregator {

bool operator==(const PayloadDifference& a, const PayloadDifference& b) {
    return a.place == b.place && a.left == b.left && a.right == b.right;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

base::Bytes bytes(std::string_view text) { return base::to_bytes(base::as_bytes(text)); }

base::Bytes words(std::initializer_list<std::uint8_t> last_bytes) {
    base::Bytes out;
    for (const auto last : last_bytes) {
        out.resize(out.size() + 31);
        out.push_back(last);
    }
    return out;
}

TEST(Divergence, payloads_are_shown_as_what_they_are) {
    const auto shown = [](base::ByteView payload) {
        const auto read = read_payload(payload);
        return read.form + " " + read.text;
    };
    EXPECT_EQ(shown(bytes(R"({"price":1})")), R"(json {"price":1})");
    EXPECT_EQ(shown(bytes("hello world")), "text hello world");
    EXPECT_EQ(shown(words({32, 7})), "abi 32 7");
    EXPECT_EQ(shown(base::Bytes{0xff, 0x00}), "bytes 0xff00");
    EXPECT_EQ(shown({}), "bytes 0x");
    EXPECT_EQ(shown(base::Bytes(32, 0xee)),
              "abi 0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    EXPECT_EQ(read_payload(base::Bytes(100'000, 'a')).text.size(), 515U) << "and no longer";
}

TEST(Divergence, equal_payloads_have_no_difference) {
    EXPECT_THAT(compare_payloads(bytes("a"), bytes("a")), IsEmpty());
    EXPECT_THAT(compare_payloads({}, {}), IsEmpty());
}

TEST(Divergence, json_is_compared_member_by_member) {
    const auto left = bytes(R"({"a":1,"list":[1,2,3],"same":{"x":true},"gone":"y"})");
    const auto right = bytes(R"({"list":[1,5],"same":{"x":true},"a":2,"n/e~w":null})");
    EXPECT_THAT(
        compare_payloads(left, right),
        ElementsAre(PayloadDifference{"/a", "1", "2"}, PayloadDifference{"/gone", "\"y\"", ""},
                    PayloadDifference{"/list/1", "2", "5"}, PayloadDifference{"/list/2", "3", ""},
                    PayloadDifference{"/n~1e~0w", "", "null"}));
    EXPECT_THAT(compare_payloads(left, right, 2).size(), 2U);
    EXPECT_THAT(compare_payloads(bytes("1"), bytes("2")),
                ElementsAre(PayloadDifference{"/", "1", "2"}));
}

TEST(Divergence, json_that_differs_in_blanks_only_differs_in_bytes) {
    EXPECT_THAT(compare_payloads(bytes(R"({"a":1})"), bytes(R"({"a": 1})")),
                ElementsAre(PayloadDifference{"byte 5", "0x317d", "0x20317d"}));
}

TEST(Divergence, encodings_are_compared_word_by_word) {
    EXPECT_THAT(
        compare_payloads(words({32, 7, 1}), words({32, 8})),
        ElementsAre(PayloadDifference{"word 1", "7", "8"}, PayloadDifference{"word 2", "1", ""}));
}

TEST(Divergence, anything_else_parts_at_a_byte) {
    EXPECT_THAT(compare_payloads(base::Bytes{1, 2, 3}, base::Bytes{1, 9}),
                ElementsAre(PayloadDifference{"byte 1", "0x0203", "0x09"}));
    EXPECT_THAT(compare_payloads({}, base::Bytes{1}),
                ElementsAre(PayloadDifference{"byte 0", "0x", "0x01"}));
}

}  // namespace
}  // namespace wavs::aggregator
