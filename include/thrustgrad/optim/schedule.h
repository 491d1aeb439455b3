// SPDX-License-Identifier: MIT
// Schedules: functions of the number of the step. On the device a schedule turns the step into the
// scalar tensor that an optimizer takes, so that a captured step moves on by itself; at(step) is
// the same formula on the host. Layer optim.
#pragma once
#include <initializer_list>

#include "thrustgrad/core/random.h"
#include "thrustgrad/ops/map.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

template <class S> struct schedule_fn {
  S schedule;
  THRUSTGRAD_FN float operator()(std::int64_t step) const {
    return static_cast<float>(schedule.at(static_cast<double>(step)));
  }
};

template <class S>
concept step_number = std::same_as<S, Step> || std::derived_from<S, Tensor<std::int64_t>>;

template <class S, step_number N>
Tensor<float> evaluate_schedule(const S& schedule, const N& step) {
  if constexpr (std::same_as<N, Step>)
    return evaluate_schedule(schedule, step.value);
  else
    return map(schedule_fn<S>{schedule}, Tensor<std::int64_t>(step));
}

}  // namespace detail

/// A value that is reached at a step.
struct Knot {
  double step = 0, value = 0;

  constexpr Knot() = default;
  constexpr Knot(arithmetic auto at_step, arithmetic auto its_value)
      : step(static_cast<double>(at_step)), value(static_cast<double>(its_value)) {}
};

/// Straight lines between knots, constant before the first and behind the last:
///   const PiecewiseLinear schedule{{0, 0}, {15 * n, 0.1}, {30 * n, 0.005}, {35 * n, 0}};
///   sgd.step(model, gradient, schedule(step));
/// Throws unless there are 1 to 16 knots, each behind the one before.
struct PiecewiseLinear {
  PiecewiseLinear(std::initializer_list<Knot> knots) : count_(static_cast<int>(knots.size())) {
    require(count_ >= 1 && count_ <= most, "PiecewiseLinear", "there are ", count_,
            " knots, expected 1 to ", most);
    int i = 0;
    for (const Knot& knot : knots) {
      require(i == 0 || knot.step > knots_[i - 1].step, "PiecewiseLinear", "knot ", i, " at step ",
              knot.step, " is not behind the one before, at step ",
              i == 0 ? 0 : knots_[i - 1].step);
      knots_[i++] = knot;
    }
  }

  THRUSTGRAD_FN double at(double step) const {
    int next = 0;
    while (next < count_ && knots_[next].step <= step) ++next;
    if (next == 0) return knots_[0].value;
    const Knot& from = knots_[next - 1];
    if (next == count_) return from.value;
    const Knot& to = knots_[next];
    return from.value + (to.value - from.value) * ((step - from.step) / (to.step - from.step));
  }

  template <detail::step_number S> Tensor<float> operator()(const S& step) const {
    return detail::evaluate_schedule(*this, step);
  }

 private:
  static constexpr int most = 16;
  Knot knots_[most];  // in place, so that the schedule can be copied to the device as it is
  int count_;
};

/// From 0 to peak in a straight line over `warmup` steps, then down to `floor` at `steps` along
/// half a cosine, and constant behind it:
///   const Cosine schedule{.peak = 0.1, .steps = 35 * n, .warmup = 5 * n};
/// Loshchilov & Hutter, arXiv:1608.03983, equation 5, without restarts.
struct Cosine {
  double peak;
  double steps;
  double floor = 0;
  double warmup = 0;

  THRUSTGRAD_FN double at(double step) const {
    if (step < warmup) return peak * step / warmup;
    if (step >= steps) return floor;
    constexpr double pi = 3.14159265358979324;
    const double angle = pi * (step - warmup) / (steps - warmup);
    return floor + (peak - floor) * 0.5 * (1 + cos(angle));
  }

  template <detail::step_number S> Tensor<float> operator()(const S& step) const {
    return detail::evaluate_schedule(*this, step);
  }
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
