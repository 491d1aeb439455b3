// SPDX-License-Identifier: MIT
// value_and_grad, grad, vjp and stop_gradient: what they take, what they return, and what they
// leave behind.
#include "thrustgrad/autograd/grad.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace grad_test {

namespace tg = thrustgrad;
using tg::Buffer;
using tg::Parameter;
using tg::Tensor;

namespace {

using floats = std::vector<float>;

struct Linear {
  Parameter<float> weight, bias;
};
struct Network {
  Linear first;
  std::vector<Linear> more;
  Buffer<float> mean;
  Parameter<float> unused;
  int setting = 7;
};

Linear linear(float weight, float bias) {
  return {tg::full<float>({2}, weight), tg::full<float>({2}, bias)};
}

Network network() {
  return {linear(2, 1), {linear(3, 0)}, tg::ones<float>({2}), tg::ones<float>({5})};
}

Tensor<float> apply(const Linear& layer, const Tensor<float>& x) {
  return x * layer.weight + layer.bias;
}

Tensor<float> loss(const Network& n) { return tg::sum(apply(n.more[0], apply(n.first, n.mean))); }

// x itself; its vjp counts.
Tensor<float> counted(const Tensor<float>& x, int& runs) {
  return tg::differentiable(x, tg::wrt(x, [&runs](const Tensor<float>& g) { return ++runs, g; }));
}

// x itself; its vjp throws.
Tensor<float> failing(const Tensor<float>& x) {
  return tg::differentiable(x, tg::wrt(x, [](const Tensor<float>& g) -> Tensor<float> {
                              tg::fail("failing", "as it should, at ", g.shape);
                            }));
}

// No trace of a recording, and the next gradient is right.
void check_no_trace(const Network& n) {
  CHECK_FALSE(tg::detail::is_recording());
  CHECK(tg::detail::current_op == nullptr);
  CHECK(n.first.weight.node == nullptr);
  CHECK(n.more[0].bias.node == nullptr);
  CHECK(tg::to_host(tg::grad(loss, n).first.weight) == floats{3, 3});
}

}  // namespace

TEST_CASE("value_and_grad returns the value and a gradient of the model's type") {
  const Network n = network();
  const auto [value, g] = tg::value_and_grad(
      [&](const Network& m) {
        CHECK(&m == &n);  // the model is not copied
        return loss(m);
      },
      n);
  static_assert(std::is_same_v<std::decay_t<decltype(g)>, Network>);
  CHECK(value.item() == 2 * (3 * (2 + 1) + 0));
  CHECK(tg::to_host(g.first.weight) == floats{3, 3});
  CHECK(tg::to_host(g.first.bias) == floats{3, 3});
  CHECK(tg::to_host(g.more.at(0).weight) == floats{3, 3});
  CHECK(tg::to_host(g.more.at(0).bias) == floats{1, 1});
  CHECK_FALSE(value.node != nullptr);
}

TEST_CASE(
    "in the gradient buffers are absent, settings empty, and what the value does not depend on is "
    "absent") {
  const Network g = tg::grad(loss, network());
  CHECK_FALSE(g.mean.defined());
  CHECK_FALSE(g.unused.defined());
  CHECK(g.setting == 0);
}

TEST_CASE("a value that depends on nothing has an absent gradient") {
  const auto g = tg::grad([](const Network&) { return tg::scalar(3.0f); }, network());
  CHECK_FALSE(g.first.weight.defined());
  CHECK(g.more.size() == 1);
}

TEST_CASE("a parameter that is used twice receives both gradients") {
  const Linear l = linear(3, 5);
  const auto g =
      tg::grad([](const Linear& m) { return tg::sum(m.weight * m.weight + m.weight); }, l);
  CHECK(tg::to_host(g.weight) == floats{7, 7});
}

TEST_CASE("the value may be a parameter itself, or a copy of one") {
  struct Model {
    Parameter<float> scale;
  };
  const Model m{tg::scalar(3.0f)};
  CHECK(tg::grad([](const Model& a) { return a.scale; }, m).scale.item() == 1);
  const auto copied = [](const Model& a) {
    const auto scale = a.scale;
    return scale * scale;
  };
  CHECK(tg::grad(copied, m).scale.item() == 6);
  const auto copied_model = [](const Model& a) {
    Model b = a, c;
    c = b;
    b = c;  // in place
    const Model d = std::move(c);
    return b.scale * b.scale * d.scale;
  };
  CHECK(tg::grad(copied_model, m).scale.item() == 27);
}

TEST_CASE(
    "a parameter made from a recorded tensor continues its history, one that was assigned has "
    "none") {
  struct Model {
    Parameter<float> scale;
  };
  const Model m{tg::scalar(3.0f)};
  const auto through = [](const Model& a) {
    const Model b{a.scale * 2};
    return b.scale * b.scale;
  };
  CHECK(tg::grad(through, m).scale.item() == 24);
  const auto assigned = [](const Model& a) {
    Model b = a;
    tg::assign(b.scale, tg::scalar(5.0f));
    return b.scale * a.scale;
  };
  CHECK(tg::grad(assigned, m).scale.item() == 5);
}

TEST_CASE("a tensor or parameter given directly is differentiated") {
  const auto x = tg::from_host<float>({1, 2}, {2});
  const auto [value, g] = tg::value_and_grad([](const auto& a) { return tg::sum(a * a); }, x);
  static_assert(std::is_same_v<std::decay_t<decltype(g)>, Tensor<float>>);
  CHECK(value.item() == 5);
  CHECK(tg::to_host(g) == floats{2, 4});
  CHECK(x.node == nullptr);
  const Parameter<float> p = x;
  const auto h = tg::grad([](const auto& a) { return tg::sum(a * a); }, p);
  static_assert(std::is_same_v<std::decay_t<decltype(h)>, Parameter<float>>);
  CHECK(tg::to_host(h) == floats{2, 4});
}

TEST_CASE("several arguments are a tuple, by value or as std::tie, given to f one by one") {
  const Linear l = linear(3, 5);
  const auto x = tg::from_host<float>({1, 2}, {2});
  const auto f = [](const Linear& m, const Tensor<float>& a) { return tg::sum(apply(m, a)); };
  const auto [gl, gx] = tg::grad(f, std::tie(l, x));
  CHECK(tg::to_host(gl.weight) == floats{1, 2});
  CHECK(tg::to_host(gx) == floats{3, 3});
  CHECK(l.weight.node == nullptr);
  const auto [hl, hx] = tg::grad(f, std::tuple(l, x));
  CHECK(tg::to_host(hl.bias) == floats{1, 1});
  CHECK(tg::to_host(hx) == floats{3, 3});
}

TEST_CASE(
    "two handles of one tensor are two arguments; one handle or one parameter given twice is an "
    "error") {
  const auto x = tg::scalar(3.0f);
  const auto [a, b] =
      tg::grad([](const auto& p, const auto& q) { return p * q * q; }, std::tuple(x, x));
  CHECK(a.item() == 9);
  CHECK(b.item() == 18);
  CHECK_THROWS_WITH_AS(tg::grad([](const auto& p, const auto& q) { return p * q; }, std::tie(x, x)),
                       doctest::Contains("value_and_grad: 0 and 1 share one storage"), tg::Error);
  CHECK(x.node == nullptr);
  const Linear l = linear(1, 1);
  const auto f = [](const Linear& p, const Linear&) { return tg::sum(p.weight); };
  CHECK_THROWS_WITH_AS(
      tg::grad(f, std::tie(l, l)),
      "value_and_grad: 0.weight and 1.weight share one storage: a parameter that is used twice is "
      "one field used twice",
      tg::Error);
  Linear shared = linear(1, 1);
  shared.bias.storage = shared.weight.storage;
  CHECK_THROWS_WITH_AS(
      tg::vjp([](const Linear& m) { return m.weight * 1; }, shared, tg::ones<float>({2})),
      doctest::Contains("vjp: weight and bias share one storage"), tg::Error);
}

TEST_CASE("auxiliary results come back beside the value, without history") {
  const Linear l = linear(3, 5);
  const auto f = [](const Linear& m) {
    const Tensor<float> y = apply(m, tg::ones<float>({2}));
    return std::pair(tg::sum(y), std::tuple(y, std::vector{y, y * 2}, 42, std::string("text")));
  };
  const auto [value, g, aux] = tg::value_and_grad(f, l);
  CHECK(value.item() == 16);
  CHECK(tg::to_host(g.bias) == floats{1, 1});
  const auto& [y, list, number, text] = aux;
  CHECK(tg::to_host(y) == floats{8, 8});
  CHECK(y.node == nullptr);
  CHECK(list.at(1).node == nullptr);
  CHECK(tg::to_host(list.at(1)) == floats{16, 16});
  CHECK(number == 42);
  CHECK(text == "text");
  CHECK(tg::to_host(tg::grad(f, l).bias) == floats{1, 1});
}

TEST_CASE("nothing that escapes keeps the memory of a step alive") {
  const std::size_t before = tg::Pool::instance().statistics().in_use;
  {
    const auto x = tg::ones<float>({1000});
    const std::size_t one = tg::Pool::size_class(4000), with_x = before + one;
    const auto f = [](const auto& a) {
      const auto logits = tg::exp(tg::exp(tg::exp(a)));
      return std::pair(tg::sum(logits), logits);
    };
    const auto [value, g, logits] = tg::value_and_grad(f, x);
    CHECK(tg::Pool::instance().statistics().in_use == with_x + 2 * one + 64);
  }
  CHECK(tg::Pool::instance().statistics().in_use == before);
}

TEST_CASE("vjp takes a value of any shape and a cotangent of that shape") {
  const auto x = tg::from_host<float>({1, 2}, {2});
  const auto [y, g] =
      tg::vjp([](const auto& a) { return a * a; }, x, tg::from_host<float>({10, 1}, {2}));
  CHECK(tg::to_host(y) == floats{1, 4});
  CHECK(y.node == nullptr);
  CHECK(tg::to_host(g) == floats{20, 4});
  CHECK_THROWS_WITH_AS(tg::vjp([](const auto& a) { return a * a; }, x, tg::scalar(1.0f)),
                       "vjp: the cotangent has shape (), the value it belongs to has shape (2)",
                       tg::Error);
}

TEST_CASE("vjp of a tuple of values takes a tuple of cotangents") {
  const auto x = tg::scalar(3.0f);
  const auto f = [](const auto& a) { return std::tuple(a * a, a * 5); };
  const auto [values, g] = tg::vjp(f, x, std::tuple(tg::scalar(1.0f), tg::scalar(10.0f)));
  CHECK(std::get<0>(values).item() == 9);
  CHECK(std::get<1>(values).node == nullptr);
  CHECK(g.item() == 6 + 50);
}

TEST_CASE("a function that does not return one number is an error that shows its shape") {
  const auto f = [](const auto& x) { return x * 2; };
  CHECK_THROWS_WITH_AS(
      tg::grad(f, tg::ones<float>({2, 3})),
      "value_and_grad: the function returned a tensor of shape (2, 3); it must return one number, "
      "for instance mean(loss)",
      tg::Error);
  CHECK(tg::to_host(tg::grad(f, tg::ones<float>({1, 1}))) == floats{2});  // one number of rank 2
}

TEST_CASE("stop_gradient gives the same elements as a constant") {
  const auto f = [](const auto& x) { return tg::sum(x * tg::stop_gradient(x)); };
  CHECK(tg::to_host(tg::grad(f, tg::from_host<float>({3, 4}, {2}))) == floats{3, 4});
  const auto x = tg::ones<float>({2});
  CHECK(tg::stop_gradient(x).storage == x.storage);
}

TEST_CASE("comparisons, integers and bools stop gradients") {
  const auto f = [](const auto& x) {
    const auto mask = x > 0;
    CHECK_FALSE(tg::detail::is_recorded(mask));
    CHECK_FALSE(tg::detail::is_recorded(tg::cast<std::int64_t>(x)));
    CHECK_FALSE(tg::detail::is_recorded(tg::sum(mask)));
    return tg::sum(x * tg::cast<float>(mask));
  };
  CHECK(tg::to_host(tg::grad(f, tg::from_host<float>({3, -4}, {2}))) == floats{1, 0});
}

TEST_CASE("an exception leaves no trace, and the next gradient is right") {
  const Network n = network();
  SUBCASE("thrown by the function") {
    const auto f = [](const Network& m) -> Tensor<float> {
      throw std::runtime_error(std::to_string(loss(m).item()));
    };
    CHECK_THROWS_AS(tg::grad(f, n), std::runtime_error);
  }
  SUBCASE("thrown by an operation") {
    CHECK_THROWS_AS(
        tg::grad([](const Network& m) { return tg::sum(m.first.weight + m.unused); }, n),
        tg::Error);
  }
  SUBCASE("thrown by a vjp") {
    CHECK_THROWS_WITH_AS(tg::grad([](const Network& m) { return failing(loss(m)); }, n),
                         "failing: as it should, at ()", tg::Error);
  }
  SUBCASE("thrown because the value is no number") {
    CHECK_THROWS_AS(tg::grad([](const Network& m) { return m.first.weight * 1; }, n), tg::Error);
  }
  SUBCASE("thrown by the predicate when some parameters are leaves already") {
    const auto trained = [](const std::string& name) {
      return name == "unused" ? throw std::runtime_error(name) : true;
    };
    CHECK_THROWS_WITH(tg::value_and_grad(loss, n, trained), "unused");
  }
  SUBCASE("thrown by an inner function and caught by the outer one") {
    const auto f = [](const Network& m) {
      const auto trained = [](const std::string& name) {
        return name == "unused" ? throw std::runtime_error(name) : true;
      };
      CHECK_THROWS(tg::value_and_grad(loss, m, trained));
      CHECK_THROWS(tg::grad([](const Network& k) { return failing(loss(k)); }, m));
      return loss(m);
    };
    CHECK(tg::to_host(tg::grad(f, n).first.weight) == floats{3, 3});
  }
  check_no_trace(n);
}

TEST_CASE("only what the predicate names is trained, and vjps of frozen parameters do not run") {
  const Network n = network();
  int frozen = 0, trained = 0;
  const auto f = [&](const Network& m) {
    return tg::sum(counted(m.first.weight, frozen) * counted(m.more[0].weight, trained) +
                   m.first.bias);
  };
  const auto [value, g] =
      tg::value_and_grad(f, n, [](const std::string& name) { return name.starts_with("more"); });
  CHECK(value.item() == 2 * (2 * 3 + 1));
  CHECK(frozen == 0);
  CHECK(trained == 1);
  CHECK_FALSE(g.first.weight.defined());
  CHECK_FALSE(g.first.bias.defined());
  CHECK(tg::to_host(g.more.at(0).weight) == floats{2, 2});
  const auto none = tg::grad(f, n, [](const std::string&) { return false; });
  CHECK_FALSE(none.more.at(0).weight.defined());
  CHECK(trained == 1);
}

TEST_CASE("absent parameters are passed over") {
  struct Model {
    Parameter<float> weight, bias;
  };
  const Model m{tg::ones<float>({2}), {}};
  const auto g = tg::grad([](const Model& a) { return tg::sum(a.weight * 3); }, m);
  CHECK(tg::to_host(g.weight) == floats{3, 3});
  CHECK_FALSE(g.bias.defined());
}

TEST_CASE(
    "a vjp that reads what was assigned since its forward pass throws and names the operation") {
  Parameter<float> factor = tg::full<float>({2}, 3);
  const auto f = [&](const auto& x) {
    const auto y = tg::sum(x * factor);
    tg::assign(factor, tg::zeros<float>({2}));
    return y;
  };
  CHECK_THROWS_WITH_AS(tg::grad(f, tg::ones<float>({2})),
                       doctest::Contains("multiplies: an operand of shape (2) is stale"),
                       tg::Error);
  // Nothing is read by the gradient of a sum.
  const auto g = [&](const auto& x) {
    const auto y = tg::sum(x + factor);
    tg::assign(factor, tg::ones<float>({2}));
    return y;
  };
  CHECK(tg::to_host(tg::grad(g, tg::ones<float>({2}))) == floats{1, 1});
}

TEST_CASE("a gradient does not change when the parameter is updated with it") {
  Linear l = linear(3, 5);
  const auto f = [](const Linear& m) { return tg::sum(m.weight * m.weight); };
  for (int step = 0; step < 3; ++step) {
    const Linear g = tg::grad(f, l);
    const auto before = tg::to_host(g.weight);
    tg::assign(l.weight, l.weight - g.weight * 0.25f);
    CHECK(tg::to_host(g.weight) == before);
  }
  CHECK(tg::to_host(l.weight) == floats{0.375f, 0.375f});
}

TEST_CASE("recording belongs to one thread: two differentiate their own models at once") {
  std::vector<float> found(2);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&found, t] {
      const Linear l = linear(static_cast<float>(t + 1), 0);
      float total = 0;
      for (int i = 0; i < 300; ++i) {
        total += tg::to_host(
            tg::grad([](const Linear& m) { return tg::sum(tg::square(m.weight)); }, l).weight)[0];
      }
      found[t] = total;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(found == floats{600, 1200});
}

TEST_CASE("another thread does not record what this one does") {
  const auto f = [](const auto& x) {
    bool recorded = true;
    std::thread([&] { recorded = tg::detail::is_recorded(x); }).join();
    CHECK_FALSE(recorded);
    CHECK(tg::detail::is_recorded(x));
    return tg::sum(x);
  };
  tg::grad(f, tg::ones<float>({2}));
}

TEST_CASE(
    "a second derivative of a pointwise operation throws and says which setting raises the order") {
  const auto slope = [](const auto& x) {
    return tg::grad([](const auto& a) { return tg::exp(a); }, x);
  };
  CHECK_THROWS_WITH_AS(
      tg::grad(slope, tg::scalar(1.0f)),
      "exp: its derivative of order 2 is not compiled; define THRUSTGRAD_DERIVATIVE_ORDER=2 before "
      "including thrustgrad",
      tg::Error);
}

TEST_CASE("operations whose vjps are operations have second derivatives at any setting") {
  const auto slope = [](const auto& x) {
    return tg::sum(tg::grad([](const auto& a) { return tg::sum(tg::reshape(a, {2, 1}) + a); }, x));
  };
  const auto g = tg::grad(slope, tg::ones<float>({2}));  // constant, so it depends on nothing
  CHECK_FALSE(g.defined());
}

}  // namespace grad_test
