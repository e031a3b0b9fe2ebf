// SPDX-License-Identifier: Apache-2.0
#include "wavs/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace wavs::telemetry {

void Counter::add(double by) const { series_->Increment(by); }
double Counter::value() const { return series_->Value(); }
void Gauge::set(double value) const { series_->Set(value); }
void Gauge::add(double by) const { series_->Increment(by); }
double Gauge::value() const { return series_->Value(); }
void Histogram::observe(double value) const { series_->Observe(value); }

struct Metrics::Impl {
    prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
    std::mutex mutex;
    std::vector<std::function<void()>> refreshers;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
    return Counter(&family.Add({labels.begin(), labels.end()}));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
    return Gauge(&family.Add({labels.begin(), labels.end()}));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             const std::vector<double>& buckets, const Labels& labels) {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
    return Histogram(&family.Add({labels.begin(), labels.end()}, buckets));
}

void Metrics::on_render(std::function<void()> refresh) {
    const std::lock_guard lock(impl_->mutex);
    impl_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::render() {
    std::vector<std::function<void()>> refreshers;
    {
        const std::lock_guard lock(impl_->mutex);
        refreshers = impl_->refreshers;
    }
    for (const auto& refresh : refreshers) {
        refresh();
    }
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace wavs::telemetry
