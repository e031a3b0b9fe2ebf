// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/terminal.hpp"

#include <unistd.h>
#include <cstdlib>
#include <string>

namespace wavs::cli {
namespace {

enum class Colour { Red, Green, Yellow, Bold, Dim };

std::string_view code_of(Colour colour) {
    switch (colour) {
        case Colour::Red:
            return "\033[31m";
        case Colour::Green:
            return "\033[32m";
        case Colour::Yellow:
            return "\033[33m";
        case Colour::Bold:
            return "\033[1m";
        case Colour::Dim:
            return "\033[2m";
    }
    return "";
}

std::string paint(std::string_view text, Colour colour, bool on) {
    return on ? fmt::format("{}{}\033[0m", code_of(colour), text) : std::string(text);
}

void print(std::FILE* file, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file);
    std::fputc('\n', file);
    std::fflush(file);
}

}  // namespace

Terminal Terminal::standard() {
    const bool colours = std::getenv("NO_COLOR") == nullptr;
    return Terminal({.colour_out = colours && ::isatty(STDOUT_FILENO) != 0,
                     .colour_err = colours && ::isatty(STDERR_FILENO) != 0});
}

void Terminal::line(std::string_view text) { print(options_.out, text); }

void Terminal::step(std::string_view text, std::string_view took) {
    print(progress_file(),
          fmt::format("  {} {:<58} {}", paint("ok", Colour::Green, progress_colour()), text,
                      paint(took, Colour::Dim, progress_colour())));
}

void Terminal::progress(std::string_view text) { print(progress_file(), text); }

void Terminal::headline(std::string_view text) {
    print(progress_file(), paint(text, Colour::Bold, progress_colour()));
}

void Terminal::warn(std::string_view text) {
    print(options_.err,
          fmt::format("{} {}", paint("warning:", Colour::Yellow, options_.colour_err), text));
}

void Terminal::error(const base::Error& error) {
    print(options_.err,
          fmt::format("{} {}", paint("error:", Colour::Red, options_.colour_err), error.message()));
    if (!error.remedy().empty()) {
        print(options_.err, "  " + error.remedy());
    }
}

void Terminal::quote(std::string_view text) { print(options_.err, fmt::format("  | {}", text)); }

}  // namespace wavs::cli
