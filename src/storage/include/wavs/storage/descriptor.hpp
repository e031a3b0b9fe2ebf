// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

namespace wavs::storage {

/// Closes the file it owns. Negative: none, as after an `open` that failed.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return number_; }

private:
    int number_;
};

}  // namespace wavs::storage
