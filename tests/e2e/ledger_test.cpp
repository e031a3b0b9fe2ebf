// SPDX-License-Identifier: Apache-2.0
// A node whose data is gone, with keys that have signed.
#include "scenario.hpp"

#include "wavs/net/child_process.hpp"
#include "wavs/storage/data_dir.hpp"

#include <filesystem>

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LedgerScenario : public Scenario {
protected:
    struct Ended {
        int status = 0;
        std::string output;
    };
    std::filesystem::path home() const { return folder_ / "node-0"; }
    std::string file() const { return (folder_ / "ledger.json").string(); }
    /// `wavs ledger ...` on the data of node 0.
    Ended ledger(std::vector<std::string> words) {
        words.insert(words.begin(), "ledger");
        words.insert(words.end(), {"--home", home().string()});
        net::ChildOptions options;
        options.program = node_program_;
        options.args = std::move(words);
        options.working_directory = folder_.string();
        const auto ended = must(net::run_child(context_.get_executor(), timers_, std::move(options),
                                               std::chrono::seconds(60)));
        return {ended.status.code.value_or(-1), ended.out + ended.err};
    }
    /// As on a new machine with the mnemonic alone.
    void lose_data() {
        must(devnet_->kill_node());
        std::filesystem::remove_all(home() / "data");
    }
    void start_anew() {
        must(devnet_->restart_node());
        uploaded_.clear();
        service_ = service({{"default", workflow("echo", contracts_)}});
        must(devnet_->publish(service_));
        must(devnet_->register_service(service_));
        must(devnet_->wait_subscribed(contracts_.trigger));
    }
    void begin() {
        start();
        service_ = service({{"default", workflow("echo", contracts_)}});
        opt_in(service_);
        EXPECT_EQ(fire_and_wait(contracts_, "before"), "before");
    }
    void fire(std::string_view what) {
        must(devnet_->fire(contracts_.trigger, base::to_bytes(what)));
    }
    std::string failed() {
        return must(client().expect_success({.target = "/node/events/failed"}));
    }
    void wait_refused() {
        wait_until("the result is not signed",
                   [&] { return failed().find("signing is off") != std::string::npos; });
        EXPECT_EQ(handled_count(contracts_.handler), 1U);
        EXPECT_THAT(must(client().service_states()), HasSubstr("accept-empty"));
    }
    void wait_handled(std::size_t count) {
        wait_until("the results are on chain",
                   [&] { return handled_count(contracts_.handler) >= count; });
        EXPECT_EQ(handled_count(contracts_.handler), count);
        EXPECT_THAT(must(client().service_states()), Not(HasSubstr("accept-empty")));
    }

    types::Service service_;
};

TEST_F(LedgerScenario, a_key_whose_ledger_is_lost_does_not_sign_until_the_operator_says_so) {
    begin();
    lose_data();
    start_anew();
    fire("meanwhile");
    wait_refused();
    must(devnet_->kill_node());
    must(devnet_->restart_node());
    EXPECT_THAT(must(client().service_states()), HasSubstr("accept-empty")) << "also later";
    must(client().accept_empty_ledger(service_.id()));
    wait_handled(2);
    EXPECT_EQ(fire_and_wait(contracts_, "after"), "after");
}

TEST_F(LedgerScenario, a_ledger_moves_to_another_node_as_a_file) {
    begin();
    const auto running = ledger({"export", file()});
    EXPECT_NE(running.status, 0) << "the node holds its data";
    must(devnet_->kill_node());
    const auto exported = ledger({"export", file()});
    EXPECT_EQ(exported.status, 0) << exported.output;
    EXPECT_THAT(exported.output, HasSubstr("1 entries"));
    EXPECT_THAT(storage::read_file(file()).value(), HasSubstr(types::to_string(service_.id())));
    std::filesystem::remove_all(home() / "data");
    start_anew();
    fire("meanwhile");
    wait_refused();
    must(devnet_->kill_node());
    const auto imported = ledger({"import", file()});
    EXPECT_EQ(imported.status, 0) << imported.output;
    EXPECT_THAT(imported.output, HasSubstr("1 entries of 1 keys read, 0 were here"));
    must(devnet_->restart_node());
    wait_handled(2);
    EXPECT_EQ(fire_and_wait(contracts_, "after"), "after");
}

TEST_F(LedgerScenario, a_ledger_that_is_there_first_lets_the_key_sign_at_once) {
    begin();
    must(devnet_->kill_node());
    EXPECT_EQ(ledger({"export", file()}).status, 0);
    std::filesystem::remove_all(home() / "data");
    EXPECT_EQ(ledger({"import", file()}).status, 0);
    start_anew();
    EXPECT_EQ(fire_and_wait(contracts_, "after"), "after");
}

TEST_F(LedgerScenario, what_the_ledger_command_does_not_understand) {
    start();
    must(devnet_->kill_node());
    for (const auto& words : std::vector<std::vector<std::string>>{
             {}, {"export"}, {"import"}, {"show", "x"}, {"import", "a", "b"}}) {
        const auto ended = ledger(words);
        EXPECT_EQ(ended.status, 2);
        EXPECT_THAT(ended.output, HasSubstr("usage: wavs ledger export FILE"));
    }
    const auto missing = ledger({"import", (folder_ / "nothing.json").string()});
    EXPECT_EQ(missing.status, 1);
    EXPECT_THAT(missing.output, HasSubstr("nothing.json"));
    const auto nowhere = ledger({"export", (folder_ / "no" / "folder.json").string()});
    EXPECT_EQ(nowhere.status, 1);
    EXPECT_THAT(nowhere.output, HasSubstr("cannot write"));
}

}  // namespace
}  // namespace wavs::e2e
