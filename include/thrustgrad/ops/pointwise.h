// SPDX-License-Identifier: MIT
// Pointwise operations: a functor and a function each. Functors call the scalar functions of
// core/math.h, which have the same names. Ties and kinks follow PyTorch. Layer ops.
#pragma once
#include "thrustgrad/ops/map.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

struct plus_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b) const { return a + b; }
};
struct minus_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b) const { return a - b; }
};
struct multiplies_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b) const { return a * b; }
};
struct divides_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b) const { return a / b; }
};
struct negate_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return -x; }
};

// x times factor plus term: all arithmetic of a tensor with a number but division of the number.
template <class C> struct affine_fn {
  C factor, term;
  THRUSTGRAD_FN auto operator()(auto x) const { return promote<C>(x) * factor + term; }
};
template <class C> struct divided_by_fn {
  C divisor;
  THRUSTGRAD_FN auto operator()(auto x) const { return promote<C>(x) / divisor; }
};
template <class C> struct quotient_of_fn {
  C dividend;
  THRUSTGRAD_FN auto operator()(auto x) const { return dividend / promote<C>(x); }
};

// The gradient of an operand that enters a sum with a sign: no pass over memory unless it was
// stretched, converted or negated.
template <element A, class G> Tensor<A> summand_gradient(const Tensor<G>& g, const Shape& shape);

}  // namespace detail

/// x with elements of another type. From float to a 16-bit type it rounds to nearest even.
template <element To, element From> Tensor<To> cast(const Tensor<From>& x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else {
    const auto y = std::get<0>(detail::evaluate<To>("cast", detail::identity_fn{}, x));
    if constexpr (!floating<To> || !floating<From>)
      return y;
    else
      return differentiable(y, wrt(x, [](const Tensor<To>& g) { return cast<From>(g); }));
  }
}

template <element A, class G>
Tensor<A> detail::summand_gradient(const Tensor<G>& g, const Shape& shape) {
  return cast<A>(sum_to(g, shape));
}

/// -x.
template <element T> auto operator-(const Tensor<T>& x) { return map(detail::negate_fn{}, x); }

/// a + b with broadcasting.
template <element A, element B> auto operator+(const Tensor<A>& a, const Tensor<B>& b) {
  using Y = detail::stored_as_t<detail::map_result<detail::plus_fn, A, B>, A, B>;
  const auto y = std::get<0>(detail::evaluate<Y>("add", detail::plus_fn{}, a, b));
  if constexpr (floating<A> && floating<B>) {
    return differentiable(
        y,
        wrt(
            a, [to = a.shape](const Tensor<Y>& g) { return detail::summand_gradient<A>(g, to); },
            "add"),
        wrt(
            b, [to = b.shape](const Tensor<Y>& g) { return detail::summand_gradient<B>(g, to); },
            "add"));
  } else {
    return map(detail::plus_fn{}, a, b);
  }
}

/// a - b with broadcasting.
template <element A, element B> auto operator-(const Tensor<A>& a, const Tensor<B>& b) {
  using Y = detail::stored_as_t<detail::map_result<detail::minus_fn, A, B>, A, B>;
  const auto y = std::get<0>(detail::evaluate<Y>("subtract", detail::minus_fn{}, a, b));
  if constexpr (floating<A> && floating<B>) {
    return differentiable(
        y,
        wrt(
            a, [to = a.shape](const Tensor<Y>& g) { return detail::summand_gradient<A>(g, to); },
            "subtract"),
        wrt(
            b, [to = b.shape](const Tensor<Y>& g) { return -detail::summand_gradient<B>(g, to); },
            "subtract"));
  } else {
    return map(detail::minus_fn{}, a, b);
  }
}

/// a * b element by element, with broadcasting.
template <element A, element B> auto operator*(const Tensor<A>& a, const Tensor<B>& b) {
  return map(detail::multiplies_fn{}, a, b);
}

/// a / b with broadcasting.
template <element A, element B> auto operator/(const Tensor<A>& a, const Tensor<B>& b) {
  return map(detail::divides_fn{}, a, b);
}

// A number does not widen a floating tensor. Beside integers it counts as in C++: of uint8, x - 1
// is int32, and x / 255.0f is float.
template <element T, arithmetic S> auto operator+(const Tensor<T>& x, S s) {
  using C = meet_t<T, S>;
  return map(detail::affine_fn<C>{C(1), static_cast<C>(s)}, x);
}
template <element T, arithmetic S> auto operator+(S s, const Tensor<T>& x) { return x + s; }
template <element T, arithmetic S> auto operator-(const Tensor<T>& x, S s) {
  using C = meet_t<T, S>;
  return map(detail::affine_fn<C>{C(1), static_cast<C>(-static_cast<C>(s))}, x);
}
template <element T, arithmetic S> auto operator-(S s, const Tensor<T>& x) {
  using C = meet_t<T, S>;
  return map(detail::affine_fn<C>{static_cast<C>(-1), static_cast<C>(s)}, x);
}
template <element T, arithmetic S> auto operator*(const Tensor<T>& x, S s) {
  using C = meet_t<T, S>;
  return map(detail::affine_fn<C>{static_cast<C>(s), C(0)}, x);
}
template <element T, arithmetic S> auto operator*(S s, const Tensor<T>& x) { return x * s; }
template <element T, arithmetic S> auto operator/(const Tensor<T>& x, S s) {
  return map(detail::divided_by_fn<meet_t<T, S>>{static_cast<meet_t<T, S>>(s)}, x);
}
template <element T, arithmetic S> auto operator/(S s, const Tensor<T>& x) {
  return map(detail::quotient_of_fn<meet_t<T, S>>{static_cast<meet_t<T, S>>(s)}, x);
}

template <floating T> Tensor<T> add_gradients(const Tensor<T>& a, const Tensor<T>& b) {
  return a + b;
}

namespace detail {

struct exp_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return exp(x); }
};
struct expm1_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return expm1(x); }
};
struct log_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return log(x); }
};
struct log1p_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return log1p(x); }
};
struct sqrt_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return sqrt(x); }
};
struct rsqrt_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return rsqrt(x); }
};
struct square_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return x * x; }
};
struct sin_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return sin(x); }
};
struct cos_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return cos(x); }
};
struct tanh_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return tanh(x); }
};
struct erf_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return erf(x); }
};
struct abs_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return abs(x); }
};
struct sigmoid_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return sigmoid(x); }
};
struct relu_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return relu(x); }
};
template <class C> struct leaky_relu_fn {
  C slope;
  THRUSTGRAD_FN auto operator()(auto x) const { return where(x > C(0), x, x * slope); }
};
struct gelu_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return gelu(x); }
};
struct gelu_tanh_fn {
  THRUSTGRAD_FN auto operator()(auto x) const {
    // 0.5 (1 + tanh(u)) = sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
    using C = typename dual_base<decltype(x)>::type;
    return x * sigmoid(x * (x * x * C(0.07135481627159816) + C(1.5957691216057308)));
  }
};
struct silu_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return silu(x); }
};
template <class C> struct celu_fn {
  C alpha;
  THRUSTGRAD_FN auto operator()(auto x) const {
    return where(x > C(0), x, expm1(x / alpha) * alpha);
  }
};
struct softplus_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return maximum(x, 0) + log1p(exp(-abs(x))); }
};
struct pow_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto y) const { return pow(x, y); }
};
template <class C> struct pow_number_fn {
  C exponent;
  THRUSTGRAD_FN auto operator()(auto x) const { return pow(x, exponent); }
};
template <class C> struct clamp_fn {
  C low, high;
  THRUSTGRAD_FN auto operator()(auto x) const { return clamp(x, low, high); }
};
struct maximum_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b) const { return maximum(a, b); }
};
struct minimum_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b) const { return minimum(a, b); }
};
struct where_fn {
  THRUSTGRAD_FN auto operator()(bool c, auto a, auto b) const { return where(c, a, b); }
};

}  // namespace detail

template <floating T> Tensor<T> exp(const Tensor<T>& x) { return map(detail::exp_fn{}, x); }
/// exp(x) - 1, accurate near 0.
template <floating T> Tensor<T> expm1(const Tensor<T>& x) { return map(detail::expm1_fn{}, x); }
template <floating T> Tensor<T> log(const Tensor<T>& x) { return map(detail::log_fn{}, x); }
/// log(1 + x), accurate near 0.
template <floating T> Tensor<T> log1p(const Tensor<T>& x) { return map(detail::log1p_fn{}, x); }
template <floating T> Tensor<T> sqrt(const Tensor<T>& x) { return map(detail::sqrt_fn{}, x); }
/// 1 / sqrt(x).
template <floating T> Tensor<T> rsqrt(const Tensor<T>& x) { return map(detail::rsqrt_fn{}, x); }
template <floating T> Tensor<T> square(const Tensor<T>& x) { return map(detail::square_fn{}, x); }
template <floating T> Tensor<T> sin(const Tensor<T>& x) { return map(detail::sin_fn{}, x); }
template <floating T> Tensor<T> cos(const Tensor<T>& x) { return map(detail::cos_fn{}, x); }
template <floating T> Tensor<T> tanh(const Tensor<T>& x) { return map(detail::tanh_fn{}, x); }
template <floating T> Tensor<T> erf(const Tensor<T>& x) { return map(detail::erf_fn{}, x); }
/// |x|; the derivative at 0 is 0.
template <floating T> Tensor<T> abs(const Tensor<T>& x) { return map(detail::abs_fn{}, x); }
/// 1 / (1 + exp(-x)).
template <floating T> Tensor<T> sigmoid(const Tensor<T>& x) { return map(detail::sigmoid_fn{}, x); }
/// max(x, 0); the derivative at 0 is 0.
template <floating T> Tensor<T> relu(const Tensor<T>& x) { return map(detail::relu_fn{}, x); }
/// x where it is positive, slope x elsewhere.
template <floating T> Tensor<T> leaky_relu(const Tensor<T>& x, double slope = 0.01) {
  return map(detail::leaky_relu_fn<compute_t<T>>{static_cast<compute_t<T>>(slope)}, x);
}
/// x Phi(x) with the normal distribution function Phi. Hendrycks & Gimpel, arXiv:1606.08415.
template <floating T> Tensor<T> gelu(const Tensor<T>& x) { return map(detail::gelu_fn{}, x); }
/// gelu by the hyperbolic tangent: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), ibid.
template <floating T> Tensor<T> gelu_tanh(const Tensor<T>& x) {
  return map(detail::gelu_tanh_fn{}, x);
}
/// x sigmoid(x). Elfwing et al., arXiv:1702.03118.
template <floating T> Tensor<T> silu(const Tensor<T>& x) { return map(detail::silu_fn{}, x); }
/// max(x, 0) + min(alpha (exp(x / alpha) - 1), 0). Barron, arXiv:1704.07483.
template <floating T> Tensor<T> celu(const Tensor<T>& x, double alpha = 1) {
  return map(detail::celu_fn<compute_t<T>>{static_cast<compute_t<T>>(alpha)}, x);
}
/// log(1 + exp(x)) without overflow.
template <floating T> Tensor<T> softplus(const Tensor<T>& x) {
  return map(detail::softplus_fn{}, x);
}
/// x to the power of y, with broadcasting.
template <floating A, floating B> auto pow(const Tensor<A>& x, const Tensor<B>& y) {
  return map(detail::pow_fn{}, x, y);
}
template <floating T, arithmetic S> Tensor<T> pow(const Tensor<T>& x, S exponent) {
  return map(detail::pow_number_fn<compute_t<T>>{static_cast<compute_t<T>>(exponent)}, x);
}
/// x limited to [low, high]; the derivative is 1 strictly inside, and 0 at the bounds as in
/// PyTorch.
template <element T>
Tensor<T> clamp(const Tensor<T>& x, std::type_identity_t<compute_t<T>> low,
                std::type_identity_t<compute_t<T>> high) {
  return map(detail::clamp_fn<compute_t<T>>{low, high}, x);
}
/// The larger of a and b, with broadcasting; where they are equal, half of the gradient goes to
/// each.
template <element A, element B> auto maximum(const Tensor<A>& a, const Tensor<B>& b) {
  return map(detail::maximum_fn{}, a, b);
}
/// The smaller of a and b, with broadcasting; where they are equal, half of the gradient goes to
/// each.
template <element A, element B> auto minimum(const Tensor<A>& a, const Tensor<B>& b) {
  return map(detail::minimum_fn{}, a, b);
}
/// a where the condition holds, b elsewhere, with broadcasting.
template <element A, element B>
auto where(const Tensor<bool>& condition, const Tensor<A>& a, const Tensor<B>& b) {
  return map(detail::where_fn{}, condition, a, b);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
