// SPDX-License-Identifier: Apache-2.0
#include "wavs/hash/hash.hpp"
#include "wavs/base/hex.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wavs::hash {
namespace {

using base::as_bytes;
using base::hex;

TEST(Sha256, known_answers) {
    EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex(sha256(as_bytes("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256(as_bytes(std::string(1'000'000, 'a')))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Keccak256, known_answers) {
    EXPECT_EQ(hex(keccak256({})),
              "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(hex(keccak256(as_bytes("abc"))),
              "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    EXPECT_EQ(hex(keccak256(as_bytes("ServiceURIUpdated(string)"))),
              "d2f056df94c31bdb3b4e16080f2ac6dbd4233c6001058d94afc3ad1242dff488");
}

TEST(Ripemd160, known_answers) {
    EXPECT_EQ(hex(ripemd160({})), "9c1185a5c5e9fc54612808977ee8f548b2258d31");
    EXPECT_EQ(hex(ripemd160(as_bytes("abc"))), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    EXPECT_EQ(hex(ripemd160(as_bytes("message digest"))),
              "5d0689ef49d2fae572b881b123a85ffa21595f36");
}

TEST(Sha256, pieces_give_the_same_and_finish_starts_anew) {
    Sha256 hasher;
    for (int round = 0; round < 2; ++round) {
        hasher.update(as_bytes("a"));
        hasher.update({});
        hasher.update(as_bytes("bc"));
        EXPECT_EQ(hasher.finish(), sha256(as_bytes("abc")));
    }
}

TEST(Sha256, one_call_leaves_no_trace_in_the_next) {
    const auto first = sha256(as_bytes("x"));
    (void)sha256(as_bytes("y"));
    EXPECT_EQ(sha256(as_bytes("x")), first);
}

}  // namespace
}  // namespace wavs::hash
