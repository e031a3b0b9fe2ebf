// SPDX-License-Identifier: Apache-2.0
#include "random_values.hpp"

#include "vectors.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/types/codec.hpp"

#include <gtest/gtest.h>

#include <set>

namespace wavs::types {
namespace {

constexpr std::uint64_t kRounds = 300;

TEST(Codec, numbers_round_trip_and_overflow_is_refused) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                      ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
        Encoder out;
        out.number(value);
        const base::Bytes data = std::move(out).take();
        Decoder in(data);
        EXPECT_EQ(in.number(), value);
        EXPECT_TRUE(in.at_end());
    }
    const base::Bytes too_big(10, 0xff);
    Decoder in(too_big);
    EXPECT_EQ(in.number(), 0U);
    EXPECT_TRUE(in.failed());
    EXPECT_EQ(in.byte(), 0U);
}

TEST(Codec, a_number_of_65_bits_is_refused) {
    base::Bytes data(9, 0xff);
    data.push_back(0x01);
    Decoder largest(data);
    EXPECT_EQ(largest.number(), ~std::uint64_t{0});
    data.back() = 0x02;
    Decoder larger(data);
    EXPECT_EQ(larger.number(), 0U);
    EXPECT_TRUE(larger.failed());
}

TEST(Codec, a_length_beyond_the_end_allocates_nothing) {
    Encoder out;
    out.number(~std::uint64_t{0});
    const base::Bytes data = std::move(out).take();
    Decoder in(data);
    EXPECT_TRUE(in.bytes().empty());
    EXPECT_TRUE(in.failed());
}

TEST(Records, round_trip) {
    for (std::uint64_t seed = 0; seed < kRounds; ++seed) {
        RandomValues values(seed);
        const auto event = values.event_record();
        EXPECT_EQ(must(decode_event_record(encode(event))), event);
        const auto result = values.result_record();
        EXPECT_EQ(must(decode_result_record(encode(result))), result);
        const auto queue = values.queue_record();
        EXPECT_EQ(must(decode_queue_record(encode(queue))), queue);
        const auto envelope = values.queue_envelope();
        EXPECT_EQ(must(decode_queue_envelope(encode(envelope))), envelope);
        const auto signature = values.queue_signature();
        EXPECT_EQ(must(decode_queue_signature(encode(signature))), signature);
        SubmissionRecord peers{
            queue.state == ResultState::Burned ? std::nullopt : std::optional(values.submission()),
            signature.signer, queue.state, queue.opened_at, signature.peer};
        EXPECT_EQ(must(decode_submission_record(encode(peers))), peers);
        const auto timer = values.timer_record();
        EXPECT_EQ(must(decode_timer_record(encode(timer))), timer);
        const auto transaction = values.transaction_record();
        EXPECT_EQ(must(decode_transaction_record(encode(transaction))), transaction);
        const SpendingRecord spent{static_cast<unsigned __int128>(seed) << 90 | seed};
        EXPECT_EQ(must(decode_spending_record(encode(spent))), spent);
    }
}

TEST(Records, a_transaction_of_the_form_without_a_payer_is_read) {
    auto record = RandomValues(3).transaction_record();
    record.payer.reset();
    auto data = encode(record);
    ASSERT_EQ(data[0], 2);
    data[0] = 1;
    data.pop_back();
    EXPECT_EQ(must(decode_transaction_record(data)), record);
    data[0] = 3;
    EXPECT_EQ(decode_transaction_record(data).error().message(),
              "stored record of version 3, this node reads version 2: needs a newer node");
}

TEST(Records, the_key_of_what_was_spent_reads_back) {
    const auto chain = ChainKey::parse("evm:1").value();
    ServiceId service;
    service.array()[0] = 9;
    const auto key = spending_key(chain, 20'779, service, EvmAddress(), 7);
    const auto place = must(parse_spending_key(chain, key));
    EXPECT_EQ(place.day, 20'779U);
    EXPECT_EQ(place.service, service);
    EXPECT_LT(spending_key(chain, 255, service, EvmAddress(), 7),
              spending_key(chain, 256, ServiceId(), EvmAddress(), 0));
    EXPECT_FALSE(parse_spending_key(chain, base::ByteView(key).first(key.size() - 1)).has_value());
}

TEST(Records, json_of_random_submissions_reads_back) {
    for (std::uint64_t seed = 0; seed < kRounds; ++seed) {
        RandomValues values(seed);
        Submission submission = values.submission();
        if (auto* interval =
                std::get_if<BlockIntervalTrigger>(&submission.trigger_action.config.trigger)) {
            *interval = {interval->chain, 1, {}, {}};
        }
        const auto again = parse_submission(to_json(submission));
        ASSERT_TRUE(again.has_value()) << again.error().message() << to_json(submission);
        EXPECT_EQ(again.value(), submission);
        EXPECT_EQ(must(decode_submission(encode(submission))), submission);
    }
}

TEST(Records, every_cut_and_every_flipped_byte_is_survived) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto record = RandomValues(seed).result_record();
        const base::Bytes data = encode(record);
        for (std::size_t i = 0; i < data.size(); ++i) {
            EXPECT_FALSE(decode_result_record(base::ByteView(data).first(i)).has_value());
            base::Bytes broken = data;
            broken[i] ^= 0xff;
            const auto read = decode_result_record(broken);
            if (read.has_value()) {
                EXPECT_EQ(must(decode_result_record(encode(read.value()))), read.value());
            }
        }
        base::Bytes longer = data;
        longer.push_back(0);
        EXPECT_EQ(decode_result_record(longer).error().code().view(), "record_corrupt");
    }
}

TEST(Records, unknown_version_names_both) {
    base::Bytes data = encode(RandomValues(1).event_record());
    ASSERT_EQ(data[0], kRecordVersion);
    data[0] = 9;
    const auto read = decode_event_record(data);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().kind(), base::ErrorKind::Unsupported);
    EXPECT_EQ(read.error().message(),
              "stored record of version 9, this node reads version 1: needs a newer node");
    EXPECT_EQ(decode_event_record({}).error().code().view(), "record_corrupt");
}

TEST(Records, form_of_version_1_does_not_change) {
    const TriggerAction action{{ServiceId(), WorkflowId(), ManualTrigger{}}, RawData{{1, 2}}};
    EXPECT_EQ(base::hex(encode(action)), "01" + std::string(64, '0') +
                                             "07"
                                             "64656661756c74"
                                             "00"
                                             "06"
                                             "02"
                                             "0102");
}

TEST(Records, states_have_distinct_names_and_final_ones_are_known) {
    std::set<std::string_view> names;
    for (std::uint8_t i = 1; i <= 10; ++i) {
        names.insert(to_string(static_cast<EventState>(i)));
    }
    EXPECT_EQ(names.size(), 10U);
    names.clear();
    for (std::uint8_t i = 1; i <= 10; ++i) {
        names.insert(to_string(static_cast<ResultState>(i)));
    }
    EXPECT_EQ(names.size(), 10U);
    EXPECT_EQ(to_string(EventState::Accepted), "accepted");
    EXPECT_EQ(to_string(ResultState::Burned), "burned");
    EXPECT_TRUE(is_final(EventState::Done));
    EXPECT_FALSE(is_final(EventState::Failed));
    EXPECT_TRUE(is_final(ResultState::Burned));
    EXPECT_FALSE(is_final(ResultState::Collecting));
}

TEST(Records, keys_sort_by_sequence_and_queues_share_a_prefix) {
    EXPECT_LT(event_key(255), event_key(256));
    EXPECT_LT(result_key(1, 0xffffffff), result_key(2, 0));
    EXPECT_EQ(must(parse_event_key(event_key(77))), 77U);
    EXPECT_FALSE(parse_event_key(base::Bytes(7)).has_value());
    RandomValues values(3);
    const auto event = values.fixed<EventId>();
    const auto digest = values.fixed<Bytes32>();
    const QueueTarget target{must(ChainKey::parse("evm:1")), "0x11"};
    const base::Bytes key = queue_key(event, target, digest, values.fixed<EvmAddress>());
    EXPECT_EQ(key.size(), 80U);
    const base::Bytes prefix = queue_key(event, target, digest);
    EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), key.begin()));
    EXPECT_EQ(queue_key(event, target).size(), 20U + kQueueTargetSize);
    EXPECT_NE(queue_key(event, target), queue_key(event, {target.chain, "0x12"}));
}

TEST(Records, transactions_sort_by_nonce_within_their_account) {
    RandomValues values(4);
    const auto account = values.fixed<EvmAddress>();
    const auto chain = must(ChainKey::parse("evm:1"));
    EXPECT_LT(transaction_key(chain, account, 255), transaction_key(chain, account, 256));
    const auto prefix = transaction_prefix(chain, account);
    const auto key = transaction_key(chain, account, 7);
    EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), key.begin()));
    EXPECT_EQ(key.size(), prefix.size() + 8);
    // No chain's prefix is the beginning of another's.
    const auto longer = transaction_prefix(must(ChainKey::parse("evm:11")), account);
    EXPECT_FALSE(std::equal(prefix.begin(), prefix.begin() + 6, longer.begin()));
}

}  // namespace
}  // namespace wavs::types
