# SPDX-License-Identifier: Apache-2.0
# WAVS_SANITIZE: a list for -fsanitize, e.g. "address,undefined"; applies to everything we compile.
set(WAVS_SANITIZE "" CACHE STRING "Sanitizers, comma separated")
option(WAVS_BENCH "Build the micro-benchmarks" OFF)
if(WAVS_SANITIZE)
  add_compile_options(-fsanitize=${WAVS_SANITIZE} -fno-omit-frame-pointer)
  if(WAVS_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=all)
  endif()
  add_link_options(-fsanitize=${WAVS_SANITIZE})
else()
  # What nothing calls stays out of the programs: a fifth of them, most of it from the guest library.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections)
endif()
if(WAVS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
