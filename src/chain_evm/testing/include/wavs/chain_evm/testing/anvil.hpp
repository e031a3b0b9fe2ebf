// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/net/child_process.hpp"
#include "wavs/net/free_port.hpp"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace wavs::chain_evm::testing {

/// The anvil program: WAVS_ANVIL, or the one that contracts/ installs; empty when there is none.
inline std::string anvil_program(const std::filesystem::path& source_dir) {
    if (const char* named = std::getenv("WAVS_ANVIL"); named != nullptr) {
        return named;
    }
    const auto installed = source_dir / "contracts/node_modules/.bin/anvil";
    return std::filesystem::exists(installed) ? installed.string() : std::string();
}

/// A local chain with 10 funded accounts of the phrase "test test ... junk", chain id 31337.
class Anvil {
public:
    /// `ready` turns true when it listens.
    static base::Result<std::unique_ptr<Anvil>> start(async::Executor executor, std::string program,
                                                      std::vector<std::string> more = {},
                                                      std::uint16_t port = 0) {
        auto anvil = std::make_unique<Anvil>();
        if (port == 0) {
            WAVS_TRY(port, net::free_port());
        }
        anvil->port = port;
        net::ChildOptions options;
        options.program = std::move(program);
        options.args = {"--port", std::to_string(port), "--host", "127.0.0.1"};
        options.args.insert(options.args.end(), more.begin(), more.end());
        options.on_stdout = [raw = anvil.get()](std::string_view line) {
            raw->ready = raw->ready || line.starts_with("Listening on");
        };
        options.on_stderr = [raw = anvil.get()](std::string_view line) {
            raw->errors.append(line) += '\n';
        };
        WAVS_TRY(anvil->child, net::ChildProcess::start(std::move(executor), std::move(options)));
        return anvil;
    }

    std::string http() const { return fmt::format("http://127.0.0.1:{}", port); }
    std::string ws() const { return fmt::format("ws://127.0.0.1:{}", port); }

    std::uint16_t port = 0;
    bool ready = false;
    std::string errors;
    std::unique_ptr<net::ChildProcess> child;
};

}  // namespace wavs::chain_evm::testing
