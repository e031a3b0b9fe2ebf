// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace wavs::telemetry {

/// Handles to one time series each; cheap to copy, valid as long as the registry, thread-safe.
class Counter {
public:
    explicit Counter(prometheus::Counter* series) : series_(series) {}
    void add(double by = 1) const;
    double value() const;

private:
    prometheus::Counter* series_;
};

class Gauge {
public:
    explicit Gauge(prometheus::Gauge* series) : series_(series) {}
    void set(double value) const;
    void add(double by) const;
    double value() const;

private:
    prometheus::Gauge* series_;
};

class Histogram {
public:
    explicit Histogram(prometheus::Histogram* series) : series_(series) {}
    void observe(double value) const;

private:
    prometheus::Histogram* series_;
};

using Labels = std::map<std::string, std::string>;

/// Every metric of one node. Asking twice for the same name and labels gives the same series.
/// Names are Prometheus names ("wavs_engine_runs_total"). Thread-safe; owned by `app`.
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
    Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
    Histogram histogram(const std::string& name, const std::string& help,
                        const std::vector<double>& buckets, const Labels& labels = {});

    /// Called before each `render()`, to bring gauges up to date from their owners.
    void on_render(std::function<void()> refresh);

    /// The Prometheus text page.
    std::string render();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::telemetry
