// SPDX-License-Identifier: Apache-2.0
#include "sim_operators.hpp"

#include <functional>

namespace wavs::aggregator {
namespace {

using p2p::Verdict;
using std::chrono::seconds;
using testing::Operators;

// Half of the group's order, as s must not be above it.
constexpr std::array<std::uint8_t, 32> kOrder = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};

// The other form of the same signature: order - s, with the other parity.
void flip_s(base::Bytes& signature) {
    int borrow = 0;
    for (std::size_t i = 32; i-- > 0;) {
        const int difference = int{kOrder.at(i)} - int{signature[32 + i]} - borrow;
        borrow = difference < 0 ? 1 : 0;
        signature[32 + i] = static_cast<std::uint8_t>(difference + 256 * borrow);
    }
    signature[64] = signature[64] == 27 ? 28 : 27;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

struct Forgery {
    std::string name;
    std::string_view reason;
    Verdict verdict;
    /// Of an honest submission; signs again where the forger would.
    std::function<std::string(types::Submission, const crypto::SecretKey&)> forge;
};

class Forgeries : public Operators {
protected:
    static Forgery changed(std::string name, std::string_view reason, Verdict verdict,
                           std::function<void(types::Submission&)> change, bool signs = true) {
        return {std::move(name), reason, verdict,
                [change = std::move(change), signs](types::Submission submission,
                                                    const crypto::SecretKey& key) {
                    change(submission);
                    if (signs) {
                        const auto kind = submission.envelope_signature.kind;
                        sign(submission, key);
                        submission.envelope_signature.kind = kind;
                    }
                    return types::to_json(submission);
                }};
    }
    static Forgery text(std::string name, std::function<std::string(std::string)> change) {
        return {std::move(name), "malformed", Verdict::Reject,
                [change = std::move(change)](const types::Submission& submission,
                                             const crypto::SecretKey&) {
                    return change(types::to_json(submission));
                }};
    }
    static Forgery signature(std::string name, std::function<void(base::Bytes&)> change) {
        return changed(
            std::move(name), "bad_signature", Verdict::Reject,
            [change = std::move(change)](auto& s) { change(s.envelope_signature.data); }, false);
    }

    static std::vector<Forgery> of_content() {
        return {
            changed("payload of the envelope", "wrong_envelope", Verdict::Reject,
                    [](auto& s) { s.envelope.payload = {9}; }),
            changed("payload of the response", "wrong_envelope", Verdict::Reject,
                    [](auto& s) { s.operator_response.payload = {9}; }),
            changed("ordering of the response", "wrong_envelope", Verdict::Reject,
                    [](auto& s) { s.operator_response.ordering = 7; }),
            changed("ordering of the envelope", "wrong_envelope", Verdict::Reject,
                    [](auto& s) { s.envelope.ordering = types::make_ordering(7); }),
            changed("event id", "wrong_event_id", Verdict::Reject,
                    [](auto& s) { s.event_id.array()[0] ^= 1; }),
            changed("event id of the envelope", "wrong_envelope", Verdict::Reject,
                    [](auto& s) { s.envelope.event_id.array()[0] ^= 1; }),
            changed("trigger data", "wrong_event_id", Verdict::Reject,
                    [](auto& s) { s.trigger_action.data = types::RawData{{99}}; }),
            changed("kind of the trigger data", "wrong_event_id", Verdict::Reject,
                    [](auto& s) { s.trigger_action.data = types::CronData{{1}}; }),
            changed("salt", "wrong_event_id", Verdict::Reject,
                    [](auto& s) { s.operator_response.event_id_salt = base::Bytes{1}; }),
            changed("service of another topic", "other_service", Verdict::Reject,
                    [](auto& s) { s.trigger_action.config.service_id.array()[0] ^= 1; }),
            changed("workflow that is not there", "unknown_workflow", Verdict::Ignore,
                    [](auto& s) {
                        s.trigger_action.config.workflow_id =
                            types::WorkflowId::parse("another").value();
                    }),
            changed("trigger of no revision", "other_trigger", Verdict::Ignore,
                    [](auto& s) {
                        s.trigger_action.config.trigger = types::CronTrigger{"* * * * * *", {}, {}};
                    }),
            changed("kind of signature", "wrong_kind", Verdict::Reject,
                    [](auto& s) { s.envelope_signature.kind.prefix.reset(); }),
        };
    }
    static std::vector<Forgery> of_signatures() {
        return {
            signature("s in the upper half", flip_s),
            signature("v of 0", [](auto& data) { data[64] = 0; }),
            signature("v of 1", [](auto& data) { data[64] = 1; }),
            signature("v of a chain", [](auto& data) { data[64] = 37; }),
            signature("64 bytes", [](auto& data) { data.pop_back(); }),
            signature("66 bytes", [](auto& data) { data.push_back(0); }),
            signature("no bytes", [](auto& data) { data.clear(); }),
            signature("r of 0", [](auto& data) { std::fill_n(data.begin(), 32, 0); }),
            signature("s of 0", [](auto& data) { std::fill_n(data.begin() + 32, 32, 0); }),
            signature("r of the order",
                      [](auto& data) { std::copy(kOrder.begin(), kOrder.end(), data.begin()); }),
        };
    }
    static std::vector<Forgery> of_text() {
        return {
            text("nothing", [](const auto&) { return ""; }),
            text("not JSON", [](const auto&) { return std::string("\x08\x01\x12\x20", 4); }),
            text("cut", [](const auto& json) { return json.substr(0, json.size() / 2); }),
            text("more after it", [](const auto& json) { return json + "x"; }),
            text("a list", [](const auto& json) { return "[" + json + "]"; }),
            text("no envelope",
                 [](const auto& json) { return replaced(json, "\"envelope\":", "\"x\":"); }),
            text("a byte of 256",
                 [](const auto& json) { return replaced(json, "\"data\":[", "\"data\":[256,"); }),
            text("a short event id",
                 [](const auto& json) {
                     return replaced(json, "\"event_id\":\"0x", "\"event_id\":\"0xa");
                 }),
            text("deep nesting",
                 [](const auto& json) {
                     return replaced(json, "{\"trigger_action\":",
                                     "{\"trigger_action\":" + std::string(200'000, '['));
                 }),
            text("a megabyte of blanks and no end",
                 [](const auto&) { return "{" + std::string(1'000'000, ' '); }),
        };
    }
};

TEST_F(Forgeries, each_is_refused_for_its_reason_before_anything_is_kept) {
    found(2, 2);
    auto& node = *operators_[0];
    auto all = of_content();
    for (auto more : {of_signatures(), of_text()}) {
        all.insert(all.end(), more.begin(), more.end());
    }
    ASSERT_GE(all.size(), 30U);
    std::uint32_t event = 0;
    for (const auto& forgery : all) {
        SCOPED_TRACE(forgery.name);
        const auto json = forgery.forge(signed_by(*operators_[1], ++event), *operators_[1]->key);
        const auto answer = admit(json, node.service->id, {node.service, nullptr});
        ASSERT_TRUE(std::holds_alternative<Refusal>(answer));
        EXPECT_EQ(std::get<Refusal>(answer).reason, forgery.reason);
        EXPECT_EQ(std::get<Refusal>(answer).verdict, forgery.verdict);
        hub_.inject("mallory", node.service->id, base::as_bytes(json));
        pass(std::chrono::milliseconds(100));
        EXPECT_EQ((hub_.verdicts[{"mallory", forgery.verdict}]), 2) << "both nodes judge it";
        hub_.verdicts.clear();
    }
    EXPECT_EQ(node.components.processed, 0);
    EXPECT_TRUE(node.store.scan(storage::Keyspace::Submissions, {}).value().empty());
    // Honest traffic is as before.
    sign_event(*operators_[0], 1'000);
    sign_event(*operators_[1], 1'000);
    pass(seconds(20));
    EXPECT_TRUE(chain_.has(id_of(node, 1'000)));
}

TEST_F(Forgeries, what_an_older_revision_explains_is_taken) {
    found(2, 2);
    auto newer = std::make_shared<types::RegisteredService>(*operators_[0]->service);
    newer->service.workflows[types::WorkflowId()].trigger =
        types::CronTrigger{"* * * * * *", {}, {}};
    const auto json = types::to_json(signed_by(*operators_[1], 1));
    const Revisions changed_over{newer, operators_[0]->service};
    EXPECT_TRUE(std::holds_alternative<Admitted>(admit(json, newer->id, changed_over)));
    EXPECT_TRUE(std::holds_alternative<Refusal>(admit(json, newer->id, {newer, nullptr})));
}

TEST_F(Forgeries, a_paused_service_takes_nothing) {
    found(1, 1);
    auto paused = std::make_shared<types::RegisteredService>(*operators_[0]->service);
    paused->service.status = types::ServiceStatus::Paused;
    const auto answer =
        admit(types::to_json(signed_by(*operators_[0], 1)), paused->id, {paused, nullptr});
    EXPECT_EQ(std::get<Refusal>(answer).verdict, Verdict::Ignore);
}

TEST_F(Forgeries, strangers_wait_outside_and_are_forgotten) {
    found(2, 2);
    auto& node = *operators_[0];
    sign_event(node, 7);
    // Each with a key of its own, over the honest envelope: what a stranger can make up.
    constexpr std::uint32_t kStrangers = 300;
    for (std::uint32_t i = 0; i < kStrangers; ++i) {
        auto forged = signed_by(node, 7);
        base::Bytes bytes(32, 0x77);
        bytes[30] = static_cast<std::uint8_t>(i >> 8);
        bytes[31] = static_cast<std::uint8_t>(i);
        sign(forged, crypto::SecretKey::from_bytes(bytes).value());
        hub_.inject("mallory", node.service->id, base::as_bytes(types::to_json(forged)));
    }
    pass(seconds(2));
    EXPECT_EQ((hub_.verdicts[{"mallory", Verdict::Accept}]), 0);
    EXPECT_EQ((hub_.verdicts[{"mallory", Verdict::Ignore}]), int{2 * kStrangers});
    const auto kept = [&] {
        return node.store.scan(storage::Keyspace::Submissions, {}).value().size();
    };
    EXPECT_EQ(kept(), 1 + exchange_options_.most_waiting);
    EXPECT_EQ(node.components.processed, 1);
    // They are no part of what peers are told.
    const auto answer = node.exchange->submissions().catchup_answer(node.service->id);
    EXPECT_EQ(answer.find("envelope_signature"), answer.rfind("envelope_signature"));
    sign_event(*operators_[1], 7);
    pass(seconds(20));
    EXPECT_TRUE(chain_.has(id_of(node, 7)));
    pass(seconds(620), seconds(12));
    EXPECT_EQ(kept(), 2U);
}

TEST_F(Forgeries, a_replay_runs_nothing_and_posts_nothing_also_after_a_restart) {
    chain_.refuses_repeats = false;
    found(2, 2);
    auto& node = *operators_[0];
    const auto json = types::to_json(signed_by(*operators_[1], 3));
    sign_event(node, 3);
    sign_event(*operators_[1], 3);
    pass(seconds(20));
    ASSERT_EQ(chain_.transactions(id_of(node, 3)), 1U);
    kill(node);
    restart(node);
    const auto runs = node.components.processed;
    for (int i = 0; i < 5; ++i) {
        hub_.inject("mallory", node.service->id, base::as_bytes(json));
        pass(seconds(1));
    }
    EXPECT_EQ((hub_.verdicts[{"mallory", Verdict::Accept}]), 0);
    EXPECT_EQ(node.components.processed, runs);
    EXPECT_EQ(chain_.transactions(id_of(node, 3)), 1U);
}

TEST_F(Forgeries, what_is_older_than_the_memory_of_what_was_posted_is_not_taken) {
    found(2, 2);
    auto& node = *operators_[0];
    const auto at = [&](std::chrono::seconds age) {
        auto submission = signed_by(*operators_[1], 0);
        submission.trigger_action.data = types::CronData{
            {clock_.wall_now().nanos - static_cast<std::uint64_t>(age.count()) * 1'000'000'000ULL}};
        submission.event_id = types::default_event_id(submission.trigger_action);
        submission.envelope =
            types::make_envelope(submission.event_id, submission.operator_response);
        sign(submission, *operators_[1]->key);
        hub_.inject("mallory", node.service->id, base::as_bytes(types::to_json(submission)));
        pass(std::chrono::milliseconds(100));
        return node.exchange->submissions().of_event(node.service->id, submission.event_id).value();
    };
    EXPECT_EQ(at(std::chrono::hours(47)).size(), 1U);
    EXPECT_EQ(at(std::chrono::hours(49)).size(), 0U);
}

TEST_F(Forgeries, of_one_who_signs_twice_the_first_counts_and_both_are_kept) {
    found(3, 2);
    auto& node = *operators_[0];
    const auto say = [&](std::uint8_t what) {
        hub_.inject("node2", node.service->id,
                    base::as_bytes(types::to_json(signed_by(*operators_[2], 5, {what}))));
        pass(std::chrono::milliseconds(200));
    };
    say(1);
    say(2);
    say(3);
    const auto all =
        node.exchange->submissions().of_event(node.service->id, id_of(node, 5)).value();
    EXPECT_EQ(all.size(), 2U);
    EXPECT_EQ(log_.count("operators signed different results"), 2U) << "once per node";
    sign_event(node, 5, {2});
    pass(seconds(20));
    EXPECT_FALSE(chain_.has(id_of(node, 5))) << "its second signature does not count";
    sign_event(*operators_[1], 5, {1});
    pass(seconds(20));
    EXPECT_EQ(chain_.find(id_of(node, 5))->digest,
              types::envelope_digest(signed_by(node, 5, {1}).envelope));
}

TEST_F(Forgeries, an_answer_full_of_rubbish_harms_nobody) {
    found(2, 2);
    auto& node = *operators_[0];
    const auto honest = [&](std::uint32_t event) {
        return types::to_json(signed_by(*operators_[1], event));
    };
    const auto answer = [&](const std::string& text) {
        (void)dynamic_cast<testing::SimHub::Node&>(*node.network)
            .events_.try_send(p2p::CatchupAnswer{"mallory", node.service->id,
                                                 base::to_bytes(base::as_bytes(text))});
        pass(std::chrono::milliseconds(100));
    };
    const auto kept = [&](std::uint32_t event) {
        return node.exchange->submissions()
            .of_event(node.service->id, id_of(node, event))
            .value()
            .size();
    };
    answer("{\"submissions\":{}}");
    answer("[]");
    answer("");
    answer(R"({"submissions":[{},7,"x",null,)" + honest(4) + "]}");
    EXPECT_EQ(kept(4), 1U) << "the one that is honest counts";
    std::string list = R"({"submissions":[)";
    for (int i = 0; i < 5'000; ++i) {
        list += replaced(honest(5), "\"event_id\":\"0x", "\"event_id\":\"0y") + ",";
    }
    const auto content = read_catchup_answer(list + honest(5) + "]}").value();
    EXPECT_EQ(content.malformed, kMostMalformed);
    EXPECT_TRUE(content.submissions.empty()) << "nobody reads on";
    sign_event(node, 4);
    pass(seconds(20));
    EXPECT_TRUE(chain_.has(id_of(node, 4)));
}

}  // namespace
}  // namespace wavs::aggregator
