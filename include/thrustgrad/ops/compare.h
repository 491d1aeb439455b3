// SPDX-License-Identifier: MIT
// Comparisons and logic, element by element with broadcasting: tensors of bool, without gradients.
// Equality is a function, because == of two tensors would read as a yes-or-no question. Layer ops.
#pragma once
#include "thrustgrad/ops/map.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

struct equal_fn {
  THRUSTGRAD_FN bool operator()(auto a, auto b) const { return a == b; }
};
struct not_equal_fn {
  THRUSTGRAD_FN bool operator()(auto a, auto b) const { return a != b; }
};
struct less_fn {
  THRUSTGRAD_FN bool operator()(auto a, auto b) const { return a < b; }
};
struct less_equal_fn {
  THRUSTGRAD_FN bool operator()(auto a, auto b) const { return a <= b; }
};
struct logical_and_fn {
  THRUSTGRAD_FN bool operator()(bool a, bool b) const { return a && b; }
};
struct logical_or_fn {
  THRUSTGRAD_FN bool operator()(bool a, bool b) const { return a || b; }
};
struct logical_not_fn {
  THRUSTGRAD_FN bool operator()(bool a) const { return !a; }
};
struct isfinite_fn {
  THRUSTGRAD_FN bool operator()(auto x) const { return isfinite(x); }
};

template <class C, class F> struct with_number_fn {
  F f;
  C number;
  THRUSTGRAD_FN bool operator()(auto x) const { return f(promote<C>(x), number); }
};
template <class C, class F> struct number_with_fn {
  F f;
  C number;
  THRUSTGRAD_FN bool operator()(auto x) const { return f(number, promote<C>(x)); }
};

template <class F, element A, class B> Tensor<bool> compare(const Tensor<A>& a, const B& b) {
  if constexpr (arithmetic<B>)
    return map(with_number_fn<meet_t<A, B>, F>{{}, static_cast<meet_t<A, B>>(b)}, a);
  else
    return map(F{}, a, b);
}
template <class F, element A, arithmetic B> Tensor<bool> compare(B b, const Tensor<A>& a) {
  using C = meet_t<A, B>;
  return map(number_with_fn<C, F>{{}, static_cast<C>(b)}, a);
}

template <class B>
concept comparable = arithmetic<B> || std::is_base_of_v<AnyTensor, B>;

}  // namespace detail

template <element A, detail::comparable B> Tensor<bool> equal(const Tensor<A>& a, const B& b) {
  return detail::compare<detail::equal_fn>(a, b);
}
template <element A, detail::comparable B> Tensor<bool> not_equal(const Tensor<A>& a, const B& b) {
  return detail::compare<detail::not_equal_fn>(a, b);
}

template <element A, detail::comparable B> Tensor<bool> operator<(const Tensor<A>& a, const B& b) {
  return detail::compare<detail::less_fn>(a, b);
}
template <element A, detail::comparable B> Tensor<bool> operator<=(const Tensor<A>& a, const B& b) {
  return detail::compare<detail::less_equal_fn>(a, b);
}
template <element A, element B> Tensor<bool> operator>(const Tensor<A>& a, const Tensor<B>& b) {
  return b < a;
}
template <element A, element B> Tensor<bool> operator>=(const Tensor<A>& a, const Tensor<B>& b) {
  return b <= a;
}
template <element A, arithmetic B> Tensor<bool> operator>(const Tensor<A>& a, B b) {
  return detail::compare<detail::less_fn>(b, a);
}
template <element A, arithmetic B> Tensor<bool> operator>=(const Tensor<A>& a, B b) {
  return detail::compare<detail::less_equal_fn>(b, a);
}

template <std::same_as<bool> B> Tensor<bool> logical_and(const Tensor<B>& a, const Tensor<B>& b) {
  return map(detail::logical_and_fn{}, a, b);
}
template <std::same_as<bool> B> Tensor<bool> logical_or(const Tensor<B>& a, const Tensor<B>& b) {
  return map(detail::logical_or_fn{}, a, b);
}
template <std::same_as<bool> B> Tensor<bool> logical_not(const Tensor<B>& a) {
  return map(detail::logical_not_fn{}, a);
}

/// Neither NaN nor infinite.
template <floating T> Tensor<bool> isfinite(const Tensor<T>& x) {
  return map(detail::isfinite_fn{}, x);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
