// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/command.hpp"

int main(int argc, char** argv) {
    return wavs::cli::run_program(wavs::config::system_inputs(argc, argv),
                                  wavs::cli::Terminal::standard());
}
