# SPDX-License-Identifier: Apache-2.0
# RocksDB is built by scripts/rocksdb.sh into a per-user cache outside the checkout, under a key of its pinned version,
# so that a clean clone reuses it.
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/rocksdb.sh --print-dir
  OUTPUT_VARIABLE WAVS_ROCKSDB_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(MAKE_DIRECTORY ${WAVS_ROCKSDB_DIR}/include)
add_custom_target(wavs_rocksdb_build
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/rocksdb.sh
  BYPRODUCTS ${WAVS_ROCKSDB_DIR}/librocksdb.a
  USES_TERMINAL COMMENT "Building RocksDB (cached in ${WAVS_ROCKSDB_DIR})")
add_library(wavs_rocksdb_archive STATIC IMPORTED GLOBAL)
set_target_properties(wavs_rocksdb_archive PROPERTIES IMPORTED_LOCATION ${WAVS_ROCKSDB_DIR}/librocksdb.a)
target_include_directories(wavs_rocksdb_archive SYSTEM INTERFACE ${WAVS_ROCKSDB_DIR}/include)
target_link_libraries(wavs_rocksdb_archive INTERFACE PkgConfig::lz4 Threads::Threads ${CMAKE_DL_LIBS})
add_dependencies(wavs_rocksdb_archive wavs_rocksdb_build)
