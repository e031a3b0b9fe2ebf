// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

#include <cstdio>
#include <cstdlib>

namespace wavs::cli {

/// Runs the program with an empty environment and collects what it prints.
struct ProgramRun {
    explicit ProgramRun(std::vector<std::string> argv) {
        char* out_text = nullptr;
        char* err_text = nullptr;
        std::size_t out_size = 0;
        std::size_t err_size = 0;
        std::FILE* out_file = ::open_memstream(&out_text, &out_size);
        std::FILE* err_file = ::open_memstream(&err_text, &err_size);
        config::Inputs inputs;
        inputs.argv = std::move(argv);
        inputs.cwd = "/nowhere";
        inputs.read_file = [](const std::filesystem::path&) {
            return base::Result<std::optional<std::string>>(std::optional<std::string>());
        };
        status = run_program(std::move(inputs), Terminal({.out = out_file, .err = err_file}));
        std::fclose(out_file);
        std::fclose(err_file);
        out.assign(out_text, out_size);
        err.assign(err_text, err_size);
        std::free(out_text);
        std::free(err_text);
    }
    int status = -1;
    std::string out;
    std::string err;
};

}  // namespace wavs::cli
