// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace wavs::async {

/// For a loop that starts flows which may end at once and ask for the loop again: only the
/// outermost one on a thread goes round, so that the loop takes the next, not the stack. True for
/// that one.
template <typename Owner>
class Outermost {
public:
    explicit Outermost(const Owner* owner)
        : first_(current_ != owner), outer_(std::exchange(current_, owner)) {}
    ~Outermost() { current_ = outer_; }
    Outermost(const Outermost&) = delete;
    Outermost& operator=(const Outermost&) = delete;

    explicit operator bool() const { return first_; }

private:
    static inline thread_local const Owner* current_ = nullptr;
    bool first_;
    const Owner* outer_;
};

}  // namespace wavs::async
