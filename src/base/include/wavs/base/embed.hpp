// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Makes a file part of the program: WAVS_EMBED(name, "path") at namespace scope of one source file
/// defines the bytes from `name` up to `name_end`. The assembler copies the file, since a table of
/// numbers would take the compiler minutes. The build must know that the source depends on it.
#define WAVS_EMBED(symbol, path)               \
    asm(".pushsection .rodata\n"               \
        ".global " #symbol "\n" #symbol        \
        ":\n"                                  \
        ".incbin \"" path                      \
        "\"\n"                                 \
        ".global " #symbol "_end\n" #symbol    \
        "_end:\n.byte 0\n"                     \
        ".popsection\n");                      \
    extern "C" {                               \
    extern const unsigned char symbol[];       \
    extern const unsigned char symbol##_end[]; \
    }
