// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/child_process.hpp"

#include "asio_support.hpp"
#include "wavs/async/one_shot.hpp"
#include "wavs/async/task_group.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
// The C library of Debian 12 declares these without C linkage.
extern "C" {
#include <sys/syscall.h>
}
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace wavs::net {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;
using LocalSocket = boost::asio::local::stream_protocol::socket;
constexpr std::size_t kMaxLine = std::size_t{1} << 20;

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

struct Pipe {
    Fd read;
    Fd write;
};

base::Error start_error(const std::string& program, int reason) {
    return {base::ErrorKind::Unavailable, "child_start_failed",
            fmt::format("cannot start {}: {}", program, std::strerror(reason)),
            "check that the program is installed and executable"};
}

base::Result<Pipe> make_pipe(const std::string& program) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return start_error(program, errno);
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Standard input is a socket: writing to one that the child has closed is an error, while a pipe
// would raise a signal.
base::Result<Pipe> make_input(const std::string& program) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return start_error(program, errno);
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<std::string> environment_of(const ChildOptions& options) {
    std::vector<std::string> out;
    for (char** item = environ; item != nullptr && *item != nullptr; ++item) {
        const std::string_view entry(*item);
        const auto name = entry.substr(0, entry.find('='));
        bool keep = !options.clear_env || name == "PATH";
        for (const auto& [key, value] : options.env) {
            keep = keep && name != key;
        }
        if (keep) {
            out.emplace_back(entry);
        }
    }
    for (const auto& [key, value] : options.env) {
        out.push_back(key + "=" + value);
    }
    return out;
}

// Everything the child touches between fork and exec, prepared before the fork: another thread may
// hold any lock of the C library at that moment.
struct Launch {
    Launch(const ChildOptions& options, Pipe& in, Pipe& out, Pipe& err, Pipe& failure)
        : program(options.program),
          directory(options.working_directory),
          words{options.program},
          environment(environment_of(options)),
          fds{in.read.get(), out.write.get(), err.write.get()},
          failure_fd(failure.write.get()),
          parent(::getpid()) {
        words.insert(words.end(), options.args.begin(), options.args.end());
        for (auto& word : words) {
            argv.push_back(word.data());
        }
        for (auto& entry : environment) {
            envp.push_back(entry.data());
        }
        argv.push_back(nullptr);
        envp.push_back(nullptr);
    }

    [[noreturn]] void exec_in_child() const {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        // A group of its own: Ctrl-C in a terminal is for us, and we stop our children in order.
        ::setpgid(0, 0);
        // The parent may have ended before the line above.
        bool good = ::getppid() == parent;
        for (int i = 0; i < 3 && good; ++i) {
            good = ::dup2(fds[static_cast<std::size_t>(i)], i) == i;
        }
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        if (good && !directory.empty()) {
            good = ::chdir(directory.c_str()) == 0;
        }
        if (good) {
            ::execvpe(program.c_str(), argv.data(), envp.data());
        }
        const int reason = errno;
        static_cast<void>(!::write(failure_fd, &reason, sizeof(reason)));
        ::_exit(127);
    }

    std::string program;
    std::string directory;
    std::vector<std::string> words;
    std::vector<std::string> environment;
    std::vector<char*> argv;
    std::vector<char*> envp;
    std::array<int, 3> fds;
    int failure_fd;
    pid_t parent;
};

class LineSplitter {
public:
    explicit LineSplitter(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}
    void feed(std::string_view piece) {
        if (!sink_) {
            return;
        }
        while (!piece.empty()) {
            const auto end = piece.find('\n');
            held_.append(piece.substr(0, end));
            if (end == std::string_view::npos) {
                piece = {};
            } else {
                piece.remove_prefix(end + 1);
                flush();
            }
            if (held_.size() >= kMaxLine) {
                flush();
            }
        }
    }
    void finish() {
        if (!held_.empty()) {
            flush();
        }
    }

private:
    void flush() {
        std::string line;
        line.swap(held_);
        if (!line.empty() && line.back() == '\r') {
            line.pop_back();
        }
        sink_(line);
    }
    std::function<void(std::string_view)> sink_;
    std::string held_;
};

struct Child {
    Child(const async::Executor& executor, pid_t id)
        : pid(id), in(executor), out(executor), err(executor), ended(executor), done(executor) {}
    ~Child() {
        if (!status) {
            ::kill(pid, SIGKILL);
            int ignored = 0;
            ::waitpid(pid, &ignored, 0);
        }
    }
    void reap(int options) {
        int raw = 0;
        if (status || ::waitpid(pid, &raw, options) != pid) {
            return;
        }
        ExitStatus result;
        if (WIFEXITED(raw)) {
            result.code = WEXITSTATUS(raw);
        } else {
            result.signal = WTERMSIG(raw);
        }
        status = result;
    }
    void part_done() {
        if (--open_parts == 0) {
            done.set(true);
        }
    }

    const pid_t pid;
    LocalSocket in;
    Descriptor out;
    Descriptor err;
    Descriptor ended;
    int open_parts = 3;
    async::OneShot<bool> done;
    bool waited = false;
    std::optional<ExitStatus> status;
};

async::Task<void> pump(std::shared_ptr<Child> child, Descriptor& from,
                       std::function<void(std::string_view)> sink) {
    LineSplitter lines(std::move(sink));
    std::vector<char> piece(16 * 1024);
    while (true) {
        auto [error, size] = co_await from.async_read_some(boost::asio::buffer(piece), kTuple);
        if (error) {
            break;
        }
        lines.feed({piece.data(), size});
    }
    lines.finish();
    child->part_done();
}

async::Task<void> watch_end(std::shared_ptr<Child> child) {
    auto [error] = co_await child->ended.async_wait(Descriptor::wait_read, kTuple);
    if (!error) {
        child->reap(0);
    }
    // A grandchild may hold the pipes open for ever: what is there is read, then they are closed.
    for (Descriptor* pipe : {&child->out, &child->err}) {
        boost::system::error_code ignored;
        boost::asio::posix::stream_descriptor::bytes_readable waiting;
        pipe->io_control(waiting, ignored);
        while (!ignored && pipe->is_open() && waiting.get() > 0) {
            co_await async::yield_now();
            pipe->io_control(waiting, ignored);
        }
        pipe->close(ignored);
    }
    child->part_done();
}

}  // namespace

std::string ExitStatus::text() const {
    return code ? fmt::format("exit code {}", *code) : fmt::format("signal {}", signal);
}

struct ChildProcess::Impl {
    Impl(const async::Executor& executor, pid_t pid)
        : child(std::make_shared<Child>(executor, pid)),
          tasks(executor, fmt::format("child {}", pid)) {}
    std::shared_ptr<Child> child;
    async::TaskGroup tasks;
};

ChildProcess::ChildProcess(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

ChildProcess::~ChildProcess() {
    auto& child = *impl_->child;
    if (!child.status) {
        ::kill(child.pid, SIGKILL);
        child.reap(0);
    }
    boost::system::error_code ignored;
    child.in.close(ignored);
    child.out.close(ignored);
    child.err.close(ignored);
    child.ended.close(ignored);
}

base::Result<std::unique_ptr<ChildProcess>> ChildProcess::start(async::Executor executor,
                                                                ChildOptions options) {
    WAVS_TRY(auto in, make_input(options.program));
    WAVS_TRY(auto out, make_pipe(options.program));
    WAVS_TRY(auto err, make_pipe(options.program));
    WAVS_TRY(auto failure, make_pipe(options.program));
    const Launch launch(options, in, out, err, failure);
    const pid_t pid = ::fork();
    if (pid == 0) {
        launch.exec_in_child();
    }
    if (pid < 0) {
        return start_error(options.program, errno);
    }
    auto impl = std::make_shared<Impl>(executor, pid);
    auto& child = *impl->child;
    failure.write = Fd();
    int reason = 0;
    if (::read(failure.read.get(), &reason, sizeof(reason)) == sizeof(reason)) {
        child.reap(0);
        return start_error(options.program, reason);
    }
    // By number: the C library of our platform declares its wrapper without C linkage.
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
        return start_error(options.program, errno);
    }
    child.in.assign(boost::asio::local::stream_protocol(), in.write.release());
    child.out.assign(out.read.release());
    child.err.assign(err.read.release());
    child.ended.assign(pidfd);
    impl->tasks.spawn("stdout", pump(impl->child, child.out, std::move(options.on_stdout)));
    impl->tasks.spawn("stderr", pump(impl->child, child.err, std::move(options.on_stderr)));
    impl->tasks.spawn("end", watch_end(impl->child));
    return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(impl)));
}

int ChildProcess::pid() const { return impl_->child->pid; }
bool ChildProcess::running() const { return !impl_->child->status.has_value(); }

async::Task<base::Result<void>> ChildProcess::write(std::string text) {
    auto child = impl_->child;
    auto [error, n] =
        co_await boost::asio::async_write(child->in, boost::asio::buffer(text), kTuple);
    if (error) {
        co_return io_error("child_write_failed", fmt::format("write to child {}", child->pid),
                           error);
    }
    co_return base::ok();
}

void ChildProcess::close_stdin() {
    boost::system::error_code ignored;
    impl_->child->in.close(ignored);
}

async::Task<base::Result<ExitStatus>> ChildProcess::wait() {
    auto child = impl_->child;
    if (!child->waited) {
        if (!co_await child->done.wait()) {
            co_return async::cancelled_error(fmt::format("wait for child {}", child->pid));
        }
        child->waited = true;
    }
    co_return child->status.value_or(ExitStatus{});
}

void ChildProcess::signal(int number) {
    if (running()) {
        ::kill(impl_->child->pid, number);
    }
}

async::Task<base::Result<ExitStatus>> ChildProcess::terminate(async::Timers& timers,
                                                              base::Duration grace) {
    signal(SIGTERM);
    auto polite = co_await async::with_timeout(timers, grace, "child", wait());
    if (polite.has_value()) {
        co_return std::move(polite);
    }
    signal(SIGKILL);
    co_return co_await wait();
}

async::Task<base::Result<ChildOutput>> run_child(async::Executor executor, async::Timers& timers,
                                                 ChildOptions options, base::Duration limit) {
    auto output = std::make_shared<ChildOutput>();
    options.on_stdout = [output](std::string_view line) { output->out.append(line) += '\n'; };
    options.on_stderr = [output](std::string_view line) { output->err.append(line) += '\n'; };
    auto program = options.program;
    WAVS_CO_TRY(auto child, ChildProcess::start(executor, std::move(options)));
    child->close_stdin();
    auto waiting = child->wait();
    WAVS_CO_TRY(output->status, co_await async::with_timeout(timers, limit, std::move(program),
                                                             std::move(waiting)));
    co_return std::move(*output);
}

}  // namespace wavs::net
