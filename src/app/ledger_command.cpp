// SPDX-License-Identifier: Apache-2.0
#include "ledger_command.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/dispatcher/journal.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/storage/rocksdb_store.hpp"
#include "wavs/storage/schema.hpp"
#include "wavs/submission/ledger_file.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace wavs::app {
namespace {

constexpr int kUsage = 2;

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

int usage() {
    print(stderr,
          "wavs: usage: wavs ledger export FILE [SIGNER] | wavs ledger import FILE\n"
          "  with the flags of the node, such as --data; the node must not run\n");
    return kUsage;
}

/// The database of a node that does not run, at the layout of this version.
struct Offline {
    storage::DataDirLock lock;
    std::unique_ptr<storage::RocksdbStore> store;
};

async::Task<base::Result<Offline>> open(const config::Config& config, async::Executor io) {
    WAVS_CO_TRY(auto lock, storage::DataDirLock::acquire(config.data));
    WAVS_CO_TRY(auto store, storage::RocksdbStore::open(config.data / "db", {}, std::move(io)));
    WAVS_CO_TRY(co_await storage::prepare_schema(*store, dispatcher::journal_migrations()));
    co_return Offline{std::move(lock), std::move(store)};
}

base::Error file_error(const std::string& path) {
    return {base::ErrorKind::Unavailable, "ledger_file", "cannot write " + path,
            "name a file in a folder that can be written, with space on its disk"};
}

base::Result<void> export_to(const std::string& path, std::optional<types::EvmAddress> signer,
                             const Offline& node) {
    const auto unfinished = path + ".unfinished";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(unfinished.c_str(), "wx"),
                                                               &std::fclose);
    if (file == nullptr) {
        return file_error(unfinished);
    }
    const auto write = [&](std::string_view text) -> base::Result<void> {
        return std::fwrite(text.data(), 1, text.size(), file.get()) == text.size()
                   ? base::ok()
                   : base::Result<void>(file_error(unfinished));
    };
    const auto count =
        submission::export_ledger(*node.store, signer, base::SystemClock().wall_now(), write);
    if (!count.has_value() || std::fflush(file.get()) != 0 ||
        std::rename(unfinished.c_str(), path.c_str()) != 0) {
        std::remove(unfinished.c_str());
        return count.has_value() ? file_error(path) : base::Result<void>(count.error());
    }
    print(stdout, fmt::format("{} entries written to {}. Do not start this node again once another "
                              "one signs with its keys.\n",
                              count.value(), path));
    return base::ok();
}

async::Task<base::Result<void>> import_from(const std::string& path, const Offline& node) {
    WAVS_CO_TRY(auto text, storage::read_file(path));
    const auto now = base::SystemClock().wall_now();
    WAVS_CO_TRY(const auto done,
                co_await submission::import_ledger(*node.store, std::move(text), now));
    print(stdout, fmt::format("{} entries of {} keys read, {} were here. The keys sign when the "
                              "node starts.\n",
                              done.entries, done.signers, done.known));
    co_return base::ok();
}

async::Task<base::Result<void>> run(const std::vector<std::string>& words,
                                    const config::Config& config, async::Executor io) {
    std::optional<types::EvmAddress> signer;
    if (words.size() == 3) {
        WAVS_CO_TRY(signer, types::parse_evm_address(words[2]));
    }
    WAVS_CO_TRY(const auto node, co_await open(config, std::move(io)));
    if (words[0] == "import") {
        co_return co_await import_from(words[1], node);
    }
    co_return export_to(words[1], signer, node);
}

async::Task<int> status_of(async::Task<base::Result<void>> command) {
    const auto done = co_await std::move(command);
    if (!done.has_value()) {
        print(stderr, "wavs: " + done.error().full_text() + "\n");
        co_return EXIT_FAILURE;
    }
    co_return EXIT_SUCCESS;
}

}  // namespace

int run_ledger_command(const std::vector<std::string>& words, const config::Config& config) {
    const bool exports = words.size() >= 2 && words.size() <= 3 && words[0] == "export";
    const bool imports = words.size() == 2 && words[0] == "import";
    if (!exports && !imports) {
        return usage();
    }
    async::Runtime runtime({.io_threads = 1, .blocking_threads = 1});
    const int status = runtime.run(status_of(run(words, config, runtime.io())));
    runtime.stop();
    return status;
}

}  // namespace wavs::app
