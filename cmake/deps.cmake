# SPDX-License-Identifier: Apache-2.0
# The C++ libraries of the project from Debian 12 packages (names and versions in scripts/debian-packages.txt); all but
# RocksDB (rocksdb.cmake).
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
set(Boost_NO_WARN_NEW_VERSIONS ON)
set(_Boost_URL_HEADERS boost/url.hpp)
find_package(Boost 1.81 EXACT REQUIRED COMPONENTS json url)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(tomlplusplus CONFIG QUIET)
find_package(CLI11 CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(secp256k1 REQUIRED IMPORTED_TARGET libsecp256k1)
pkg_check_modules(botan REQUIRED IMPORTED_TARGET botan-2)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
if(WAVS_BENCH)
  find_package(benchmark REQUIRED)
endif()

# Asio and Beast header-only, one configuration for all modules: an executor type mismatch between
# modules would be an ODR violation.
add_library(wavs_asio INTERFACE)
target_compile_definitions(wavs_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_link_libraries(wavs_asio INTERFACE Boost::headers Threads::Threads)

# For programs that run the node: memory that one thread takes and another gives back is most of what an event costs
# glibc's malloc. Sanitizers bring their own.
add_library(wavs_malloc INTERFACE)
if(NOT WAVS_SANITIZE)
  target_link_libraries(wavs_malloc INTERFACE PkgConfig::jemalloc)
endif()
