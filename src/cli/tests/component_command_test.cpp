// SPDX-License-Identifier: Apache-2.0
// `replay` and `check-determinism` as their user runs them, with the example components.
#include "program_run.hpp"
#include "wavs/storage/data_dir.hpp"

#include <gmock/gmock.h>

namespace wavs::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ComponentCommandTest : public ::testing::Test {
protected:
    void SetUp() override { folder_ = storage::make_temporary_folder("wavs-cli-test").value(); }
    void TearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    static std::string example(std::string_view name) {
        return fmt::format("{}/examples/components/prebuilt/{}.wasm", WAVS_SOURCE_DIR, name);
    }
    std::string record(int run) const { return (folder_ / fmt::format("run-{}.wavsrun", run)); }
    ProgramRun check(const std::string& component, const std::string& input) const {
        return ProgramRun(
            {"check-determinism", component, "--input", input, "--records", folder_.string()});
    }

    std::filesystem::path folder_;
};

TEST_F(ComponentCommandTest, a_recorded_run_gives_the_same_bytes_again) {
    const auto checked = check(example("echo"), "hello");
    EXPECT_EQ(checked.status, kExitOk) << checked.err;
    EXPECT_THAT(checked.out, HasSubstr("ok: 4 runs"));

    const ProgramRun replayed({"replay", record(4), "--component", example("echo")});
    EXPECT_EQ(replayed.status, kExitOk) << replayed.err;
    EXPECT_THAT(replayed.out, HasSubstr("result     the same"));
}

TEST_F(ComponentCommandTest, the_call_that_differs_is_named) {
    const auto checked = check(example("probe"), "noise:random");
    EXPECT_EQ(checked.status, kExitFailure);
    EXPECT_THAT(checked.out, HasSubstr("not deterministic (runs 1 and 2): host call"));
    EXPECT_THAT(checked.out, HasSubstr("random"));

    // Each of them is a run that can be looked at alone.
    const ProgramRun replayed({"replay", record(2), "--component", example("probe")});
    EXPECT_EQ(replayed.status, kExitOk) << replayed.err;
}

TEST_F(ComponentCommandTest, runs_that_all_fail_alike_are_deterministic) {
    const auto checked = check(example("probe"), "no such word");
    EXPECT_EQ(checked.status, kExitOk) << checked.out << checked.err;
    EXPECT_THAT(checked.out, HasSubstr("with the error"));
}

TEST_F(ComponentCommandTest, a_record_that_was_changed_does_not_pass) {
    ASSERT_EQ(check(example("echo"), "hello").status, kExitOk);
    auto bytes = storage::read_file(record(1)).value();
    const auto at = bytes.find("hello");
    ASSERT_NE(at, bytes.npos);
    bytes[at] = 'j';
    ASSERT_TRUE(storage::write_file_atomically(record(1), bytes).has_value());
    const ProgramRun replayed({"replay", record(1), "--component", example("echo")});
    EXPECT_EQ(replayed.status, kExitFailure);
    EXPECT_THAT(replayed.out, HasSubstr("differs"));
}

TEST_F(ComponentCommandTest, replay_asks_for_the_component_it_needs) {
    ASSERT_EQ(check(example("echo"), "hello").status, kExitOk);
    const ProgramRun without({"replay", record(1)});
    EXPECT_EQ(without.status, kExitUsage);
    EXPECT_THAT(without.err, HasSubstr("--component"));

    const ProgramRun other({"replay", record(1), "--component", example("probe")});
    EXPECT_EQ(other.status, kExitUsage);
    EXPECT_THAT(other.err, HasSubstr("give the component of that digest"));

    const ProgramRun junk({"replay", example("echo"), "--component", example("echo")});
    EXPECT_EQ(junk.status, kExitFailure);
    EXPECT_THAT(junk.out, IsEmpty());
}

}  // namespace
}  // namespace wavs::cli
