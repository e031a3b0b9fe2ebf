# SPDX-License-Identifier: Apache-2.0
# The Rust static library is built by scripts/rust.sh into a per-user cache outside the checkout,
# under a key made of the lock file and the toolchain file, so that a clean clone reuses it.
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/rust.sh --print-dir
  OUTPUT_VARIABLE WAVS_RUST_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_custom_target(wavs_rt_build
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/rust.sh
  BYPRODUCTS ${WAVS_RUST_DIR}/release/libwavs_rt.a
  USES_TERMINAL COMMENT "Building the Rust library (cached in ${WAVS_RUST_DIR})")
add_library(wavs_rt_archive STATIC IMPORTED GLOBAL)
set_target_properties(wavs_rt_archive PROPERTIES IMPORTED_LOCATION ${WAVS_RUST_DIR}/release/libwavs_rt.a)
target_include_directories(wavs_rt_archive SYSTEM INTERFACE ${CMAKE_SOURCE_DIR}/rust/include)
target_link_libraries(wavs_rt_archive INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
add_dependencies(wavs_rt_archive wavs_rt_build)
