// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wavs::net {

struct ChildOptions {
    /// A path, or a name that is looked up in PATH. No shell is involved.
    std::string program;
    std::vector<std::string> args;
    /// Set in addition to this process's environment.
    std::vector<std::pair<std::string, std::string>> env;
    /// The child gets `env` and PATH only.
    bool clear_env = false;
    std::string working_directory;
    /// One call per line, without its end; on the executor. A line above 1 MiB comes in parts.
    /// Without a callback the output is discarded.
    std::function<void(std::string_view line)> on_stdout;
    std::function<void(std::string_view line)> on_stderr;
};

struct ExitStatus {
    /// None when a signal ended it.
    std::optional<int> code;
    int signal = 0;
    bool success() const { return code == 0; }
    /// "exit code 1" or "signal 9".
    std::string text() const;
};

/// One child process with pipes. It is killed when this object goes, and by the kernel when the
/// thread that started it ends, so start children from threads that live as long as the node. Use
/// it from `executor` only (a strand, or single-threaded).
class ChildProcess {
public:
    /// `child_start_failed` names the program and the system's reason.
    static base::Result<std::unique_ptr<ChildProcess>> start(async::Executor executor,
                                                             ChildOptions options);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    int pid() const;
    /// To standard input. An error when the child has closed it.
    async::Task<base::Result<void>> write(std::string text);
    void close_stdin();
    /// Ends when the child has ended and its output has been delivered. One waiter at a time; a
    /// later call returns the same status.
    async::Task<base::Result<ExitStatus>> wait();
    /// To this child only; not an error when it has ended.
    void signal(int number);
    bool running() const;
    /// SIGTERM, then SIGKILL after `grace`.
    async::Task<base::Result<ExitStatus>> terminate(async::Timers& timers, base::Duration grace);

private:
    struct Impl;
    explicit ChildProcess(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

struct ChildOutput {
    ExitStatus status;
    std::string out;
    std::string err;
};
/// Runs a child to its end and returns what it wrote (callbacks in `options` are not used).
async::Task<base::Result<ChildOutput>> run_child(async::Executor executor, async::Timers& timers,
                                                 ChildOptions options, base::Duration limit);

}  // namespace wavs::net
