// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/assert.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/base/fault.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/base/random.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace wavs::base {
namespace {

struct Tag;
using Four = FixedBytes<4, Tag>;

TEST(Hex, round_trip_and_prefix) {
    EXPECT_EQ(hex0x(Bytes{0xde, 0xad, 0x00}), "0xdead00");
    EXPECT_EQ(parse_hex("0xDEad00").value(), (Bytes{0xde, 0xad, 0x00}));
    EXPECT_EQ(parse_hex("").value(), Bytes{});
}

TEST(Hex, errors_name_the_reason) {
    EXPECT_EQ(parse_hex("abc").error().message(), "odd number of digits");
    EXPECT_EQ(parse_hex("0X12").error().message(), "invalid character 'X' at position 1");
    EXPECT_EQ(parse_hex("zz").error().message(), "invalid character 'z' at position 0");
    EXPECT_EQ(parse_fixed_hex<Four>("0x01").error().message(), "invalid string length");
    EXPECT_EQ(parse_fixed_hex<Four>("01020304").value().array()[3], 4);
}

TEST(Base64, known_values_and_rejects) {
    EXPECT_EQ(base64(to_bytes("a")), "YQ==");
    EXPECT_EQ(base64(to_bytes("ab")), "YWI=");
    EXPECT_EQ(base64(to_bytes("abc")), "YWJj");
    EXPECT_EQ(parse_base64("YWI=").value(), to_bytes("ab"));
    EXPECT_FALSE(parse_base64("YW=j").has_value());
    EXPECT_FALSE(parse_base64("YWJ").has_value());
    EXPECT_FALSE(parse_base64("Y\xffJj").has_value());
}

TEST(Base64, round_trip_of_random_bytes) {
    SeededRandom random(7);
    for (std::size_t size = 0; size < 100; ++size) {
        Bytes bytes(size);
        random.fill(bytes);
        EXPECT_EQ(parse_base64(base64(bytes)).value(), bytes);
    }
}

TEST(Error, context_grows_outward) {
    auto error = Error(ErrorKind::NotFound, "x", "no such key", "add it").with("chain {}", "evm:1");
    EXPECT_EQ(error.message(), "chain evm:1: no such key");
    EXPECT_EQ(error.full_text(), "chain evm:1: no such key (add it)");
    EXPECT_EQ(error.code().view(), "x");
}

Result<int> fails() { return Error(ErrorKind::Invalid, "bad", "bad"); }
Result<int> passes_on() {
    WAVS_TRY(auto value, fails());
    return value + 1;
}

TEST(Result, try_leaves_with_the_error) { EXPECT_EQ(passes_on().error().code().view(), "bad"); }

TEST(Result, wrong_side_stops_the_process) {
    EXPECT_DEATH({ [[maybe_unused]] auto v = fails().value(); }, "");
}

TEST(Assert, prints_the_expression) {
    EXPECT_DEATH(WAVS_ASSERT(1 == 2), "assertion failed: 1 == 2");
}

TEST(FaultDeathTest, an_abort_is_a_signal_of_the_thread_that_passes) {
    const auto pass_twice = [] {
        ASSERT_TRUE(Faults::instance().arm("host_call:2:abort").has_value());
        (void)Faults::instance().pass(FaultPoint::HostCall);
        std::fputs("passed once", stderr);
        (void)Faults::instance().pass(FaultPoint::HostCall);
    };
    EXPECT_EXIT(pass_twice(), ::testing::KilledBySignal(SIGABRT), "passed once");
    EXPECT_NE(Faults::instance().arm("host_call:2:fly").error().message().find("abort"),
              std::string::npos);
}

TEST(Random, same_seed_same_sequence) {
    SeededRandom a(42);
    SeededRandom b(42);
    EXPECT_EQ(a.next(), b.next());
    EXPECT_EQ(a.below(0), 0U);
    EXPECT_LT(a.below(10), 10U);
}

TEST(Clock, wall_time_is_after_2020) {
    EXPECT_GT(SystemClock().wall_now().seconds(), 1'577'836'800U);
}

}  // namespace
}  // namespace wavs::base
