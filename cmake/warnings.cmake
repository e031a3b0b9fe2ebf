# SPDX-License-Identifier: Apache-2.0
# Warnings for our own targets only; third-party headers are SYSTEM.
add_library(wavs_warnings INTERFACE)
target_compile_options(wavs_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference -Werror
  # Options structs are written with designated initialisers and defaults for the rest.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-designated-field-initializers>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers>)
