// SPDX-License-Identifier: Apache-2.0
#include "wavs/app/run.hpp"

int main(int argc, char** argv) { return wavs::app::run_node(argc, argv); }
