// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/timeline.hpp"

#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"

#include <algorithm>

namespace wavs::cli {
namespace {

namespace json = types::json;

base::Duration between(base::WallTime from, base::WallTime to) {
    return std::chrono::nanoseconds(to.nanos - from.nanos);
}

base::Result<Stage> read_stage(const json::Value& value) {
    WAVS_TRY(const auto fields, json::Fields::of(value, {"stage", "time_ns", "detail"}));
    WAVS_TRY(const auto name, fields.required("stage"));
    WAVS_TRY(const auto time, fields.required("time_ns"));
    Stage out;
    WAVS_TRY(const auto text, json::read_string(name));
    out.name = text;
    WAVS_TRY(out.at.nanos, json::read_u64(time));
    WAVS_TRY(auto detail, json::read_optional_string(fields.optional("detail")));
    out.detail = std::move(detail).value_or("");
    return out;
}

}  // namespace

std::string duration_text(base::Duration duration) {
    const double milliseconds = std::chrono::duration<double, std::milli>(duration).count();
    return milliseconds < 999.5 ? fmt::format("{:.0f} ms", milliseconds)
                                : fmt::format("{:.2f} s", milliseconds / 1000);
}

void Timeline::add(Stage stage) {
    const auto place = std::upper_bound(stages_.begin(), stages_.end(), stage,
                                        [](const Stage& a, const Stage& b) { return a.at < b.at; });
    stages_.insert(place, std::move(stage));
}

std::string Timeline::text() const {
    std::string out;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const auto& stage = stages_[i];
        const auto before = i == 0 ? stage.at : stages_[i - 1].at;
        out += fmt::format("  {:<26} {:>9} {:>9}", stage.name,
                           duration_text(between(stages_.front().at, stage.at)),
                           i == 0 ? "" : "+" + duration_text(between(before, stage.at)));
        out += stage.detail.empty() ? "\n" : "   " + stage.detail + "\n";
    }
    return out;
}

std::string Timeline::json() const {
    std::string out;
    json::Writer writer(out);
    writer.begin_array();
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const auto& stage = stages_[i];
        const auto before = i == 0 ? stage.at : stages_[i - 1].at;
        writer.begin_object();
        writer.key("stage");
        writer.string(stage.name);
        writer.key("time_ns");
        writer.number(stage.at.nanos);
        writer.key("duration_ms");
        writer.number(std::chrono::duration<double, std::milli>(between(before, stage.at)).count());
        writer.key("detail");
        writer.string(stage.detail);
        writer.end_object();
    }
    writer.end_array();
    return out;
}

std::vector<Stage> read_node_stages(std::string_view text) {
    const auto document = json::Document::parse(text);
    if (!document.has_value()) {
        return {};
    }
    const auto events = document.value().root().find("events");
    if (!events || events->size() == 0 || !events->is_array()) {
        return {};
    }
    const auto stages = (*events->items().begin()).find("stages");
    std::vector<Stage> out;
    if (stages) {
        for (const auto& item : stages->items()) {
            if (auto stage = read_stage(item); stage.has_value()) {
                out.push_back(std::move(stage).value());
            }
        }
    }
    return out;
}

}  // namespace wavs::cli
