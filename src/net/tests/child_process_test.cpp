// SPDX-License-Identifier: Apache-2.0
#include "net_fixture.hpp"

#include "wavs/net/child_process.hpp"

#include <signal.h>

namespace wavs::net {
namespace {

using std::chrono::seconds;
using testing::NetTest;

class ChildTest : public NetTest {
protected:
    ChildOptions shell(std::string script) {
        ChildOptions options;
        options.program = "sh";
        options.args = {"-c", std::move(script)};
        return options;
    }
    ChildOutput output(ChildOptions options) {
        auto result =
            run(run_child(context_.get_executor(), timers_, std::move(options), seconds(10)));
        EXPECT_TRUE(result.has_value()) << result.error().full_text();
        return std::move(result.value());
    }
};

TEST_F(ChildTest, delivers_output_and_exit_code) {
    const auto got = output(shell("echo one; echo two >&2; printf three; exit 7"));
    EXPECT_EQ(got.out, "one\nthree\n");
    EXPECT_EQ(got.err, "two\n");
    EXPECT_EQ(got.status.code, 7);
    EXPECT_FALSE(got.status.success());
    EXPECT_EQ(got.status.text(), "exit code 7");
}

TEST_F(ChildTest, passes_arguments_and_environment_without_a_shell) {
    ChildOptions options;
    options.program = "printf";
    options.args = {"%s", "$HOME; a b"};
    EXPECT_EQ(output(options).out, "$HOME; a b\n");
    auto env = shell("echo $A-$HOME-$PWD");
    env.env = {{"A", "1"}};
    env.clear_env = true;
    env.working_directory = "/";
    EXPECT_EQ(output(env).out, "1--/\n");
}

TEST_F(ChildTest, a_missing_program_is_an_error_with_its_name) {
    ChildOptions options;
    options.program = "/nonexistent/program";
    const auto started = ChildProcess::start(context_.get_executor(), options);
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code(), base::ErrorCode("child_start_failed"));
    EXPECT_NE(started.error().message().find("/nonexistent/program: No such file"),
              std::string::npos);
}

TEST_F(ChildTest, talks_over_standard_input) {
    std::vector<std::string> lines;
    ChildOptions options;
    options.program = "cat";
    options.on_stdout = [&lines](std::string_view line) { lines.emplace_back(line); };
    auto child = ChildProcess::start(context_.get_executor(), options).value();
    ASSERT_TRUE(run(child->write("a\nb\r\n")).has_value());
    run_until([&lines] { return lines.size() == 2; });
    EXPECT_EQ(lines, (std::vector<std::string>{"a", "b"}));
    child->close_stdin();
    EXPECT_TRUE(run(child->wait()).value().success());
    EXPECT_TRUE(run(child->wait()).value().success());
    EXPECT_FALSE(run(child->write("x")).has_value());
}

TEST_F(ChildTest, terminate_kills_what_does_not_listen) {
    std::vector<std::string> lines;
    auto options = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    options.on_stdout = [&lines](std::string_view line) { lines.emplace_back(line); };
    auto child = ChildProcess::start(context_.get_executor(), options).value();
    run_until([&lines] { return lines.size() == 1; });
    std::optional<ExitStatus> status;
    async::TaskGroup group(context_.get_executor(), "test");
    struct Kill {
        static async::Task<void> it(ChildProcess& child, async::Timers& timers,
                                    std::optional<ExitStatus>& status) {
            status = (co_await child.terminate(timers, seconds(2))).value();
        }
    };
    group.spawn("kill", Kill::it(*child, timers_, status));
    run_until([this] { return timers_.sleeping() == 1; });
    timers_.advance(seconds(3));
    run_until([&status] { return status.has_value(); });
    EXPECT_EQ(status->signal, SIGKILL);
    EXPECT_FALSE(child->running());
}

TEST_F(ChildTest, destroying_it_kills_the_child) {
    auto child = ChildProcess::start(context_.get_executor(), shell("sleep 1000")).value();
    const int pid = child->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
    child.reset();
    EXPECT_EQ(::kill(pid, 0), -1);
    context_.poll();
}

}  // namespace
}  // namespace wavs::net
