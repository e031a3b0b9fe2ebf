// SPDX-License-Identifier: Apache-2.0
#include "program_run.hpp"

#include <gmock/gmock.h>

#include <set>

namespace wavs::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

base::Result<Parsed> parse(std::vector<std::string> words) {
    return parse_command(commands(), std::move(words));
}

TEST(Commands, the_table_is_sound) {
    std::set<std::string_view> names;
    for (const auto& command : commands()) {
        EXPECT_TRUE(names.insert(command.name).second) << command.name;
        EXPECT_FALSE(command.summary.empty()) << command.name;
        EXPECT_NE(command.run, nullptr) << command.name;
        std::set<std::string_view> flags;
        for (const auto& flag : command.flags) {
            EXPECT_THAT(std::string(flag.name), StartsWith("--"));
            EXPECT_TRUE(flags.insert(flag.name).second) << flag.name;
            EXPECT_FALSE(flag.summary.empty()) << flag.name;
        }
    }
}

TEST(Commands, a_bare_first_word_means_the_first_command_with_it) {
    EXPECT_EQ(parse({"dev"}).value().command->name, "dev up");
    EXPECT_EQ(parse({"dev", "up"}).value().command->name, "dev up");
    EXPECT_EQ(parse({"dev", "--once"}).value().command->name, "dev up");
    EXPECT_EQ(parse({}).value().command->name, "help");
    EXPECT_EQ(parse({"--version"}).value().command->name, "version");
}

TEST(Commands, flags_take_their_values_in_both_forms) {
    const auto parsed =
        parse({"dev", "up", "--once", "--block-time", "2", "--input=a=b", "--verbose"});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().full_text();
    const auto& invocation = parsed.value().invocation;
    EXPECT_TRUE(invocation.has("--once"));
    EXPECT_TRUE(invocation.has("--verbose"));
    EXPECT_EQ(invocation.value("--block-time"), "2");
    EXPECT_EQ(invocation.value("--input"), "a=b");
    EXPECT_EQ(invocation.value("--anvil"), std::nullopt);
}

TEST(Commands, usage_errors_name_the_word_and_the_remedy) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"fly"}, "there is no command \"fly\""},
        {{"dev", "--fly"}, "dev up has no flag --fly"},
        {{"dev", "--block-time"}, "--block-time needs a value"},
        {{"dev", "--once", "--once"}, "--once is given twice"},
        {{"dev", "--once=yes"}, "--once takes no value"},
        {{"dev", "up", "high"}, "dev up takes no argument \"high\""},
        {{"--once", "dev"}, "--once stands before a command"},
    };
    for (const auto& [words, message] : cases) {
        const auto parsed = parse(words);
        ASSERT_FALSE(parsed.has_value()) << message;
        EXPECT_EQ(parsed.error().message(), message);
        EXPECT_FALSE(parsed.error().remedy().empty());
    }
}

TEST(Commands, exit_statuses_and_channels) {
    EXPECT_EQ(ProgramRun({"version"}).status, kExitOk);
    EXPECT_THAT(ProgramRun({"--version"}).out, StartsWith("wavs-cli "));
    const ProgramRun help({"help"});
    EXPECT_EQ(help.status, kExitOk);
    for (const auto& command : commands()) {
        EXPECT_THAT(help.out, HasSubstr(std::string(command.name)));
    }
    const ProgramRun of_one({"dev", "--help"});
    EXPECT_EQ(of_one.status, kExitOk);
    EXPECT_THAT(of_one.out, HasSubstr("--block-time SECONDS"));
    EXPECT_EQ(ProgramRun({"help", "dev", "up"}).out, of_one.out);

    const ProgramRun wrong({"fly"});
    EXPECT_EQ(wrong.status, kExitUsage);
    EXPECT_EQ(wrong.out, "");
    EXPECT_THAT(wrong.err, StartsWith("error: there is no command"));
}

TEST(Commands, wrong_values_end_before_anything_starts) {
    for (const char* text : {"0", "-1", "x", "3601", "1.5", ""}) {
        const ProgramRun wrong({"dev", "--block-time", text});
        EXPECT_EQ(wrong.status, kExitUsage) << text;
        EXPECT_THAT(wrong.err, HasSubstr("--block-time")) << text;
    }
    for (const char* text : {"0", "-1", "x", "11", "1.5", ""}) {
        const ProgramRun wrong({"dev", "--operators", text});
        EXPECT_EQ(wrong.status, kExitUsage) << text;
        EXPECT_THAT(wrong.err, HasSubstr("--operators")) << text;
        EXPECT_THAT(wrong.err, HasSubstr("from 1 to 10")) << text;
    }
}

TEST(Commands, a_quarantine_is_lifted_by_one_digest) {
    EXPECT_EQ(parse({"quarantine"}).value().command->name, "quarantine list");
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{}, {"abc"}, {std::string(64, 'a'), std::string(64, 'b')}}) {
        std::vector<std::string> argv{"quarantine", "lift"};
        argv.insert(argv.end(), words.begin(), words.end());
        const ProgramRun wrong(argv);
        EXPECT_EQ(wrong.status, kExitUsage);
        EXPECT_THAT(wrong.err, HasSubstr("quarantine list shows"));
    }
    const ProgramRun nobody({"quarantine", "list", "--wavs-endpoint", "http://127.0.0.1:1"});
    EXPECT_EQ(nobody.status, kExitFailure);
    EXPECT_THAT(nobody.err, HasSubstr("127.0.0.1:1"));
}

TEST(Commands, an_agreement_names_one_manifest) {
    EXPECT_EQ(parse({"permissions"}).value().command->name, "permissions list");
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{}, {"abc"}, {std::string(64, 'a'), std::string(64, 'b')}}) {
        std::vector<std::string> argv{"permissions", "agree"};
        argv.insert(argv.end(), words.begin(), words.end());
        const ProgramRun wrong(argv);
        EXPECT_EQ(wrong.status, kExitUsage);
        EXPECT_THAT(wrong.err, HasSubstr("permissions list shows"));
    }
    const ProgramRun nobody(
        {"permissions", "agree", std::string(64, 'a'), "--wavs-endpoint", "http://127.0.0.1:1"});
    EXPECT_EQ(nobody.status, kExitFailure);
    EXPECT_THAT(nobody.err, HasSubstr("127.0.0.1:1"));
}

TEST(Commands, a_missing_program_says_how_to_get_it) {
    const ProgramRun chain({"dev", "--once", "--anvil", "/nowhere/anvil"});
    EXPECT_EQ(chain.status, kExitFailure);
    EXPECT_THAT(chain.err, HasSubstr("anvil, the local EVM chain, at /nowhere/anvil"));
    EXPECT_THAT(chain.err, HasSubstr("scripts/setup.sh"));
    const ProgramRun node({"dev", "--once", "--anvil", "/bin/true", "--wavs", "/nowhere/wavs"});
    EXPECT_EQ(node.status, kExitFailure);
    EXPECT_THAT(node.err, HasSubstr("wavs, the node, at /nowhere/wavs"));
    EXPECT_THAT(node.err, HasSubstr("--wavs PATH"));
}

}  // namespace
}  // namespace wavs::cli
