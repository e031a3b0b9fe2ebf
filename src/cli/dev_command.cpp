// SPDX-License-Identifier: Apache-2.0
#include "dev_options.hpp"
#include "dev_session.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/cli/programs.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/telemetry/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>

namespace wavs::cli {
namespace {

namespace fs = std::filesystem;

/// The folder of a devnet: a temporary one goes with it, unless something failed or it was asked
/// for.
class Folder {
public:
    static base::Result<Folder> make(const DevOptions& options) {
        if (!options.folder) {
            WAVS_TRY(auto path, storage::make_temporary_folder("wavs-dev"));
            return Folder(std::move(path), options.keep_data);
        }
        std::error_code error;
        fs::create_directories(*options.folder, error);
        if (error) {
            return failed(options.folder->string(), error.message());
        }
        if (!fs::is_empty(*options.folder, error) || error) {
            return failed(options.folder->string(), "is not empty");
        }
        return Folder(*options.folder, true);
    }

    const fs::path& path() const { return path_; }
    bool kept() const { return keep_; }
    void keep() { keep_ = true; }
    void clean_up() const {
        std::error_code ignored;
        if (!keep_) {
            fs::remove_all(path_, ignored);
        }
    }

private:
    Folder(fs::path path, bool keep) : path_(std::move(path)), keep_(keep) {}
    static base::Error failed(const std::string& path, std::string_view why) {
        return {base::ErrorKind::Conflict, "devnet_folder", fmt::format("{}: {}", path, why),
                "name an empty or a new folder with --data: the chain of a devnet starts anew"};
    }

    fs::path path_;
    bool keep_;
};

struct Outcome {
    int status = kExitOk;
    /// None when a signal ended it.
    std::optional<base::Error> error;
};

async::Task<void> work(DevSession& session, bool once, async::OneShot<Outcome> done) {
    auto result = co_await session.bring_up();
    if (result.has_value() && once) {
        result = co_await session.fire_once();
    } else if (result.has_value()) {
        result = co_await session.stay_up();
    }
    Outcome out;
    if (!result.has_value()) {
        out.status = kExitFailure;
        out.error = std::move(result).error();
    }
    done.set(std::move(out));
}

async::Task<void> watch_signals(DevSession& session, bool once, async::Executor executor,
                                async::OneShot<Outcome> done) {
    boost::asio::signal_set signals(executor, SIGINT, SIGTERM);
    const auto [error, number] =
        co_await signals.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (!error) {
        // Ending a devnet that stays up is how it is meant to end.
        done.set({.status = session.ready() && !once ? kExitOk : kExitFailure});
    }
}

async::Task<int> run_session(DevOptions options, DevnetOptions devnet, Tools tools,
                             Terminal& terminal, Folder& folder) {
    const bool once = options.once;
    DevSession session(std::move(options), std::move(devnet), tools, terminal);
    const async::OneShot<Outcome> done(tools.executor);
    async::TaskGroup group(tools.executor, "dev");
    group.spawn("work", work(session, once, done));
    group.spawn("signals", watch_signals(session, once, tools.executor, done));
    const auto outcome = co_await done.wait();
    co_await group.stop(tools.timers, std::chrono::seconds(5));
    if (outcome && outcome->error) {
        terminal.error(*outcome->error);
        session.show_log();
        folder.keep();
    } else if (!once || outcome->status != kExitOk) {
        terminal.progress("\nstopping");
    }
    co_await session.stop();
    co_return outcome ? outcome->status : kExitFailure;
}

base::Result<DevnetOptions> devnet_options(const DevOptions& options, const Invocation& invocation,
                                           const Folder& folder) {
    const auto search = system_search(invocation.environment, invocation.cwd);
    DevnetOptions out;
    out.folder = folder.path();
    out.log_level = options.log_level;
    out.peers = options.operators > 1;
    WAVS_TRY(out.anvil_program, find_anvil(search, options.anvil));
    WAVS_TRY(out.wavs_program, find_wavs(search, options.wavs));
    return out;
}

int run_in(Folder& folder, DevOptions options, const Invocation& invocation, Terminal& terminal) {
    auto devnet = devnet_options(options, invocation, folder);
    if (!devnet.has_value()) {
        terminal.error(devnet.error());
        return kExitFailure;
    }
    if (options.verbose) {
        devnet.value().on_node_line = [&terminal](std::string_view line) { terminal.quote(line); };
    }
    async::Runtime runtime({.io_threads = 1, .blocking_threads = 2});
    async::SystemTimers timers;
    base::SystemClock clock;
    base::SeededRandom random(base::SeededRandom::entropy_seed());
    net::SystemResolver resolver(runtime.blocking());
    net::HttpClient http(net::DialContext{timers, clock, resolver, {}, {}});
    const Tools tools{runtime.io(), timers, clock, random, http};
    const int status = runtime.run(
        run_session(std::move(options), std::move(devnet).value(), tools, terminal, folder));
    runtime.stop();
    return status;
}

}  // namespace

int run_dev(Invocation& invocation, Terminal& terminal) {
    auto options = read_dev_options(invocation);
    if (!options.has_value()) {
        terminal.error(options.error());
        return kExitUsage;
    }
    if (options.value().json) {
        terminal.use_json();
    }
    // What our own clients have to say belongs to no devnet.
    static_cast<void>(telemetry::configure_log({.directives = {"warn"}}));
    auto folder = Folder::make(options.value());
    if (!folder.has_value()) {
        terminal.error(folder.error());
        return kExitFailure;
    }
    const int status = run_in(folder.value(), std::move(options).value(), invocation, terminal);
    folder.value().clean_up();
    if (folder.value().kept()) {
        terminal.progress("data: " + folder.value().path().string());
    }
    return status;
}

}  // namespace wavs::cli
