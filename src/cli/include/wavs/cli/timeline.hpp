// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace wavs::cli {

/// One thing that happened to an event. Wall clock: the node and this program share a machine.
struct Stage {
    std::string name;
    base::WallTime at;
    std::string detail;
    friend bool operator==(const Stage&, const Stage&) = default;
};

/// The life of one event, in order of time.
class Timeline {
public:
    void add(Stage stage);
    /// Ordered; of equal times, the one that was added first.
    const std::vector<Stage>& stages() const { return stages_; }

    /// One line per stage: its time since the first, and since the one before.
    std::string text() const;
    /// An array of {"stage","time_ns","duration_ms","detail"}.
    std::string json() const;

private:
    std::vector<Stage> stages_;
};

/// The stages that a node tells of the newest event of `GET /node/events`:
/// {"events":[{"stages":[{"stage":"accepted","time_ns":1,"detail":"..."}]}]}. Whatever else is
/// there is ignored; another shape gives none.
std::vector<Stage> read_node_stages(std::string_view json);

/// "12 ms", "1.24 s".
std::string duration_text(base::Duration duration);

}  // namespace wavs::cli
