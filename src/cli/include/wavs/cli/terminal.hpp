// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

#include <cstdio>
#include <string_view>

namespace wavs::cli {

/// What a command prints to. `out` carries the result, `err` what went wrong; with `--json` the
/// progress goes to `err` too, so that `out` is one JSON document. Colours only on a terminal, and
/// never when NO_COLOR is set.
class Terminal {
public:
    struct Options {
        std::FILE* out = stdout;
        std::FILE* err = stderr;
        bool progress_to_err = false;
        bool colour_out = false;
        bool colour_err = false;
    };
    explicit Terminal(Options options) : options_(options) {}
    /// Of this process.
    static Terminal standard();

    void use_json() { options_.progress_to_err = true; }

    /// A line of the result.
    void line(std::string_view text);
    /// A line of progress, with how long it took to the right.
    void step(std::string_view text, std::string_view took);
    void progress(std::string_view text);
    void headline(std::string_view text);
    void warn(std::string_view text);
    void error(const base::Error& error);
    /// Lines of a log, indented.
    void quote(std::string_view text);

private:
    std::FILE* progress_file() const {
        return options_.progress_to_err ? options_.err : options_.out;
    }
    bool progress_colour() const {
        return options_.progress_to_err ? options_.colour_err : options_.colour_out;
    }
    Options options_;
};

}  // namespace wavs::cli
