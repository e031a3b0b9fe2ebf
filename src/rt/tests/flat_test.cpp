// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/flat.hpp"

#include <gmock/gmock.h>

namespace wavs::rt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Flat, what_is_written_is_read) {
    FlatWriter out;
    out.u8(7);
    out.u32(0x01020304);
    out.u64(0x0102030405060708);
    out.f32(-0.5F);
    out.boolean(true);
    out.text("hi");
    out.bytes(base::Bytes{9, 8});
    out.count(2);
    out.text("a");
    out.text("");
    const auto flat = std::move(out).take();
    FlatReader in(flat);
    EXPECT_EQ(in.u8(), 7);
    EXPECT_EQ(in.u32(), 0x01020304U);
    EXPECT_EQ(in.u64(), 0x0102030405060708U);
    EXPECT_EQ(in.f32(), -0.5F);
    EXPECT_TRUE(in.boolean());
    EXPECT_EQ(in.text(), "hi");
    EXPECT_EQ(in.fixed<2>(), (std::array<std::uint8_t, 2>{9, 8}));
    EXPECT_FALSE(in.complete());
    EXPECT_THAT(in.texts(), ElementsAre("a", ""));
    EXPECT_TRUE(in.complete());
}

TEST(Flat, stays_failed_after_the_first_bad_byte) {
    const base::Bytes flat = {2, 1, 0, 0, 0};
    FlatReader in(flat);
    EXPECT_FALSE(in.some());
    EXPECT_TRUE(in.failed());
    EXPECT_EQ(in.u32(), 0U);
    EXPECT_FALSE(in.complete());
}

TEST(Flat, a_count_or_length_beyond_the_end_fails) {
    const base::Bytes many = {255, 255, 255, 255, 1, 0, 0, 0, 'a'};
    FlatReader list(many);
    list.texts();
    EXPECT_TRUE(list.failed());
    FlatReader text(many);
    EXPECT_THAT(text.text(), IsEmpty());
    EXPECT_TRUE(text.failed());
    const base::Bytes three = {3, 0, 0, 0, 1, 2, 3};
    FlatReader fixed(three);
    EXPECT_EQ(fixed.fixed<2>(), (std::array<std::uint8_t, 2>{}));
    EXPECT_TRUE(fixed.failed());
}

}  // namespace
}  // namespace wavs::rt
