// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <doctest/doctest.h>

#include <string>

namespace model_test {

namespace tg = thrustgrad;

namespace {

enum class Mode { slow, fast };

struct Conv {
  tg::Parameter<float> weight;
  std::optional<tg::Parameter<float>> bias;
  int stride = 1;
};

struct Norm {
  tg::Parameter<float> weight, shift;
  std::array<tg::Buffer<float>, 2> running;
  std::array<float, 3> constants{1, 2, 3};
  Mode mode = Mode::fast;
};

struct Block {
  Conv conv;
  Norm norm;
  std::optional<Conv> projection;
  std::string label = "block";
  std::vector<int> sizes;
};

struct Network {
  Conv stem;
  std::vector<Block> blocks;
  std::pair<tg::Parameter<double>, tg::Parameter<tg::bf16>> heads;
  std::tuple<tg::Buffer<std::int64_t>, std::array<Conv, 2>> rest;
  bool last_norm = false;
};

Conv conv(tg::index_t k, tg::index_t c, bool bias = false) {
  Conv result{tg::ones<float>({k, 3, 3, c}), std::nullopt, 1};
  if (bias) result.bias = tg::ones<float>({k});
  return result;
}

Norm norm(tg::index_t c) {
  return {
      tg::ones<float>({c}), tg::zeros<float>({c}), {tg::zeros<float>({c}), tg::ones<float>({c})}};
}

Block block(tg::index_t c, bool projection) {
  Block result{conv(c, c), norm(c), std::nullopt, "block", {1, 2}};
  if (projection) result.projection = conv(c, c, true);
  return result;
}

Network network() {
  return {conv(4, 3),
          {block(4, false), block(2, true)},
          {tg::zeros<double>({2}), tg::zeros<tg::bf16>({3})},
          {tg::scalar<std::int64_t>(7), {conv(1, 1), conv(1, 1, true)}}};
}

const std::vector<std::string> names_of_network = {"stem.weight",
                                                   "blocks.0.conv.weight",
                                                   "blocks.0.norm.weight",
                                                   "blocks.0.norm.shift",
                                                   "blocks.0.norm.running.0",
                                                   "blocks.0.norm.running.1",
                                                   "blocks.1.conv.weight",
                                                   "blocks.1.norm.weight",
                                                   "blocks.1.norm.shift",
                                                   "blocks.1.norm.running.0",
                                                   "blocks.1.norm.running.1",
                                                   "blocks.1.projection.weight",
                                                   "blocks.1.projection.bias",
                                                   "heads.0",
                                                   "heads.1",
                                                   "rest.0",
                                                   "rest.1.0.weight",
                                                   "rest.1.1.weight",
                                                   "rest.1.1.bias"};

template <class M> std::vector<std::string> all_names(const M& model) {
  std::vector<std::string> names;
  tg::visit([&](std::string_view name, const auto&) { names.emplace_back(name); }, model);
  return names;
}

// A class with private members and a constructor, which lists its fields itself.
class Linear {
 public:
  Linear() = default;
  Linear(tg::index_t out, tg::index_t in)
      : weight_(tg::ones<float>({out, in})), bias_(tg::zeros<float>({out})) {}
  auto fields() { return tg::fields(tg::field("weight", weight_), tg::field("bias", bias_)); }
  const tg::Parameter<float>& weight() const { return weight_; }
  const void* scratch() const { return scratch_; }

 private:
  tg::Parameter<float> weight_, bias_;
  const void* scratch_ = nullptr;  // not listed, so not part of the model
};

struct Base {
  tg::Parameter<float> inherited;
};
struct Derived : Base {
  tg::Parameter<float> own;
  auto fields() { return tg::fields(tg::field("inherited", inherited), tg::field("own", own)); }
};

struct Tree {
  tg::Parameter<float> weight;
  std::vector<Tree> children;
};

struct Widest {
  std::array<int, 9> a;
  Conv b;
  int c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w;
  tg::Parameter<float> x;
};

struct Initialised {
  tg::Parameter<float> weight = tg::ones<float>({5});
  tg::Buffer<float> seen = tg::ones<float>({5});
  int groups = 4;
};

struct Empty {};

std::string message(auto f) {
  try {
    f();
  } catch (const tg::Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("fields are counted without being misled by arrays, structs and optionals") {
  using tg::detail::field_count;
  CHECK(field_count<Empty> == 0);
  CHECK(field_count<Conv> == 3);
  CHECK(field_count<Norm> == 5);
  CHECK(field_count<Block> == 5);
  CHECK(field_count<Network> == 5);
  CHECK(field_count<Widest> == 24);
  CHECK(field_count<Initialised> == 3);
  struct OneArray {
    std::array<std::array<int, 2>, 3> values;
  };
  struct OneStruct {
    Conv first;
  };
  struct Nested {
    std::optional<std::optional<int>> maybe;
    std::tuple<int, std::string> both;
    OneStruct inner;
    OneArray matrix;
    std::vector<OneStruct> many;
  };
  CHECK(field_count<OneArray> == 1);
  CHECK(field_count<OneStruct> == 1);
  CHECK(field_count<Nested> == 5);
}

TEST_CASE("leaves are visited in the order of declaration, under their names") {
  CHECK(all_names(network()) == names_of_network);
  CHECK(all_names(Widest{}) == std::vector<std::string>{"b.weight", "x"});
  CHECK(all_names(Empty{}).empty());
}

TEST_CASE("parameter_names leaves out buffers, and names are the same for a non-const model") {
  Norm model = norm(2);
  CHECK(tg::parameter_names(model) == std::vector<std::string>{"weight", "shift"});
  std::vector<std::string> names;
  tg::visit([&](std::string name, auto&) { names.push_back(name); }, model);
  CHECK(names == std::vector<std::string>{"weight", "shift", "running.0", "running.1"});
}

TEST_CASE("type names are spelled without the compiler's decoration") {
  CHECK(tg::detail::type_name<int>() == "int");
  CHECK(tg::detail::type_name<std::vector<float>>().starts_with("std::vector<float"));
}

TEST_CASE("a class that lists its fields is visited through fields(), const or not") {
  Linear model(2, 3);
  const Linear& constant = model;
  CHECK(all_names(constant) == std::vector<std::string>{"weight", "bias"});
  tg::visit([](auto& leaf) { tg::assign(leaf, tg::scalar(5.0f)); }, model);
  CHECK(tg::to_host(model.weight()) == std::vector<float>(6, 5.0f));
  tg::visit([](auto& leaf) { CHECK(std::is_const_v<std::remove_reference_t<decltype(leaf)>>); },
            constant);
  CHECK(all_names(Derived{}) == std::vector<std::string>{"inherited", "own"});
  CHECK(constant.scratch() == nullptr);
  const Linear gradient = tg::skeleton(constant);
  CHECK(!gradient.weight().defined());
  CHECK(tg::zeros_like(constant).weight().shape == tg::Shape{2, 3});
}

TEST_CASE("several models are walked side by side, and leaves can be written") {
  Network model = network();
  const Network other = network();
  const Network third = tg::skeleton(model);
  int leaves = 0, parameters = 0;
  tg::visit(
      [&](auto& a, const auto& b, const auto& c) {
        ++leaves;
        CHECK(a.shape == b.shape);
        CHECK(a.storage != b.storage);
        CHECK(!c.defined());
      },
      model, other, third);
  tg::visit_parameters(
      [&](const std::string&, auto& a, auto& b) { parameters += a.shape == b.shape; }, model,
      other);
  CHECK(leaves == static_cast<int>(names_of_network.size()));
  CHECK(parameters == leaves - 5);
  CHECK(std::get<0>(other.rest).item() == 7);
}

TEST_CASE("a tree of structs, which contains its own type, is visited to its ends") {
  Tree tree{tg::ones<float>({1}), {{tg::ones<float>({2}), {}}, {tg::ones<float>({3}), {}}}};
  tree.children[1].children.push_back({tg::ones<float>({4}), {}});
  CHECK(tg::parameter_names(tree) == std::vector<std::string>{"weight", "children.0.weight",
                                                              "children.1.weight",
                                                              "children.1.children.0.weight"});
  CHECK(tg::numel(tree) == 10);
  CHECK(tg::zeros_like(tree).children[1].children[0].weight.shape == tg::Shape{4});
}

TEST_CASE("a tensor, and a tuple of models and tensors by value or by reference, are models") {
  const tg::Tensor<float> x = tg::ones<float>({2, 2});
  Conv layer = conv(1, 1, true);
  CHECK(tg::numel(x) == 4);
  CHECK(tg::parameter_names(x) == std::vector<std::string>{""});
  CHECK(tg::parameter_names(std::tuple(x, x)) == std::vector<std::string>{"0", "1"});
  CHECK(tg::parameter_names(std::tie(layer, x)) ==
        std::vector<std::string>{"0.weight", "0.bias", "1"});
  std::tuple<Conv, tg::Tensor<float>> gradient = tg::skeleton(std::tie(layer, x));
  CHECK(std::get<0>(gradient).bias.has_value());
  int pairs = 0;
  tg::visit([&](auto& a, auto& b) { pairs += a.defined() && !b.defined(); }, std::tie(layer, x),
            gradient);
  CHECK(pairs == 3);
  CHECK(std::get<1>(tg::zeros_like(std::tie(layer, x))).shape == tg::Shape{2, 2});
}

TEST_CASE("a skeleton has the model's vectors and optionals, and nothing in them") {
  const Network model = network();
  const Network empty = tg::skeleton(model);
  CHECK(all_names(empty) == names_of_network);
  tg::visit([](const auto& leaf) { CHECK(!leaf.defined()); }, empty);
  CHECK(empty.stem.stride == 0);
  CHECK(empty.blocks.size() == 2);
  CHECK(!empty.blocks[0].projection);
  CHECK(empty.blocks[1].projection);
  CHECK(empty.blocks[0].label.empty());
  CHECK(empty.blocks[0].sizes.empty());
  CHECK(empty.blocks[0].norm.mode == Mode::slow);
  const Initialised initialised = tg::skeleton(Initialised{});
  CHECK(!initialised.weight.defined());
  CHECK(!initialised.seen.defined());
}

TEST_CASE("zeros_like makes zeros of the parameters' shapes and leaves absent ones absent") {
  Network model = network();
  model.stem.weight = tg::Parameter<float>();
  const Network velocity = tg::zeros_like(model);
  CHECK(!velocity.stem.weight.defined());
  CHECK(velocity.blocks[1].projection->weight.shape == tg::Shape{2, 3, 3, 2});
  CHECK(tg::to_host(velocity.blocks[0].norm.weight) == std::vector<float>(4, 0.0f));
  CHECK(!velocity.blocks[0].norm.running[1].defined());
  CHECK(velocity.blocks[0].conv.weight.storage != model.blocks[0].conv.weight.storage);
}

TEST_CASE("numel counts the elements of the parameters that are there") {
  Norm model = norm(3);
  CHECK(tg::numel(model) == 6);
  model.shift = tg::Parameter<float>();
  CHECK(tg::numel(model) == 3);
}

TEST_CASE("models of different structure are refused with the place where they differ") {
  Network model = network();
  Network other = network();
  const auto both = [](const auto&, const auto&) {};
  CHECK(message([&] { tg::visit(both, model, other); }) == "no error");
  other.blocks.pop_back();
  CHECK(message([&] {
          tg::visit(both, model, other);
        }).starts_with("visit: blocks has 2 elements in one model and 1 in another"));
  other = network();
  other.blocks[1].projection.reset();
  CHECK(message([&] {
          tg::visit(both, model, other);
        }).starts_with("visit: blocks.1.projection is there in one model and missing"));
  other = network();
  other.blocks[0].sizes = {1, 2, 3};
  CHECK(message([&] { tg::visit(both, model, other); }) == "no error");
}

TEST_CASE("two fields over one storage are refused with both names") {
  Network model = network();
  CHECK(message([&] { tg::check_distinct(model); }) == "no error");
  Network copy = model;
  CHECK(message([&] { tg::check_distinct(std::tie(model, copy)); }) == "no error");
  CHECK(message([&] { tg::check_distinct(std::tie(model.blocks, model.blocks[1].norm)); }) ==
        "value_and_grad: 0.1.norm.weight and 1.weight share one storage: a parameter that is used "
        "twice is one field used twice");
  const tg::Tensor<float> x = tg::ones<float>({2});
  CHECK(message([&] { tg::check_distinct(std::tuple(x, x)); }) == "no error");
  CHECK(message([&] { tg::check_distinct(tg::skeleton(model)); }) == "no error");
}

TEST_CASE("the summary lists names, shapes, types and the number of parameters") {
  const Norm model = norm(3);
  CHECK(tg::summary(model) ==
        "name        shape  type            elements\n"
        "weight      (3)    float32                3\n"
        "shift       (3)    float32                3\n"
        "running.0   (3)    float32 buffer         3\n"
        "running.1   (3)    float32 buffer         3\n"
        "parameters                                6\n");
}

}  // namespace model_test
