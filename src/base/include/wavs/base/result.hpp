// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/try.hpp>

namespace wavs::base {

/// A value or an `Error`. Reading the wrong side stops the process in every build: it can only be
/// our own bug. Use only `has_value()`, `value()`, `error()` and the macros below, so that a later
/// move to std::expected touches this header alone.
template <typename T>
using Result = boost::outcome_v2::basic_result<T, Error, boost::outcome_v2::policy::terminate>;

inline auto ok() { return boost::outcome_v2::success(); }

}  // namespace wavs::base

/// `WAVS_TRY(auto x, f())` / `WAVS_TRY(f())`: leave the function with the error, or go on.
#define WAVS_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
/// The same in a coroutine: `WAVS_CO_TRY(auto x, co_await f())`.
#define WAVS_CO_TRY(...) BOOST_OUTCOME_CO_TRY(__VA_ARGS__)
