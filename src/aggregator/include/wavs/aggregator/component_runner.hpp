// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/types/pipeline.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace wavs::aggregator {

/// One submission for an aggregator component.
struct Input {
    types::RegisteredServicePtr service;
    std::shared_ptr<const types::Submission> submission;
    types::TraceId trace_id;
};
/// The transaction, or why there is none.
using SubmitResult = std::variant<types::TxHash, std::string>;
using QuorumEntry = engine::QuorumEntry;

/// The exports of an aggregator component. A seam: tests answer without an engine.
class ComponentRunner {
public:
    virtual ~ComponentRunner() = default;
    virtual async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        Input input) = 0;
    virtual async::Task<base::Result<std::vector<types::AggregatorAction>>> timer_callback(
        Input input) = 0;
    virtual async::Task<base::Result<void>> submit_callback(Input input, SubmitResult result) = 0;
    /// Whether the component has a say in which signatures are posted.
    virtual async::Task<base::Result<bool>> selects(Input input) = 0;
    /// Nullopt: the component leaves the choice to the node. Empty: it wants to wait for more.
    virtual async::Task<base::Result<std::optional<std::vector<std::uint32_t>>>> select(
        Input input, types::SubmitAction action, std::vector<QuorumEntry> entries) = 0;
};

/// On the engine, in its higher class.
class EngineRunner final : public ComponentRunner {
public:
    explicit EngineRunner(engine::Engine& engine) : engine_(engine) {}
    async::Task<base::Result<std::vector<types::AggregatorAction>>> process_input(
        Input input) override;
    async::Task<base::Result<std::vector<types::AggregatorAction>>> timer_callback(
        Input input) override;
    async::Task<base::Result<void>> submit_callback(Input input, SubmitResult result) override;
    async::Task<base::Result<bool>> selects(Input input) override;
    async::Task<base::Result<std::optional<std::vector<std::uint32_t>>>> select(
        Input input, types::SubmitAction action, std::vector<QuorumEntry> entries) override;

private:
    engine::Engine& engine_;
};

}  // namespace wavs::aggregator
