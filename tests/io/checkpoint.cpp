// SPDX-License-Identifier: MIT
// Models in files: in PyTorch's layout, and loaded as a whole or not at all.
#include "thrustgrad/io/checkpoint.h"

#include <doctest/doctest.h>

#include <cstring>
#include <optional>

#include "temporary_directory.h"

namespace checkpoint_test {

namespace tg = thrustgrad;

namespace {

const std::string reference_file =
    (std::filesystem::path(__FILE__).parent_path().parent_path() / "data/reference.safetensors")
        .string();

struct Conv {
  tg::Parameter<float> weight = tg::zeros<float>({2, 2, 4, 3});  // (k, r, s, c)
  tg::Parameter<float> bias = tg::zeros<float>({2});
};

struct Norm {
  tg::Parameter<tg::bf16> weight = tg::ones<tg::bf16>({3});
  tg::Buffer<double> running_mean = tg::zeros<double>({2});
  tg::Buffer<std::int64_t> num_batches_tracked = tg::scalar<std::int64_t>(0);
  float momentum = 0.1f;  // a setting: not in the file
};

struct Net {
  Conv conv;
  Norm norm;
};

struct Block {
  tg::Parameter<float> weight;
  std::optional<Conv> projection;
};

struct Deep {
  std::vector<Block> blocks;
  tg::Buffer<bool> mask = tg::from_host<bool>({true, false}, {2});
  tg::Buffer<tg::half> scale = tg::full<tg::half>({1}, tg::half(0.5f));
};

Deep deep_model(float value) {
  Deep deep;
  deep.blocks.push_back({tg::full<float>({2, 3}, value), std::nullopt});
  deep.blocks.push_back({tg::full<float>({4}, value + 1), Conv{}});
  return deep;
}

Net numbered_net() {
  Net net;
  tg::Tensor<float> numbers = tg::arange<float>(48);
  numbers.shape = net.conv.weight.shape;
  numbers.strides = tg::contiguous_strides(numbers.shape);
  tg::assign(net.conv.weight, numbers);
  tg::assign(net.conv.bias, tg::from_host<float>({-1, 7}, {2}));
  tg::assign(net.norm.num_batches_tracked, tg::scalar<std::int64_t>(1));
  return net;
}

/// All bytes of a model, to see whether anything has changed.
template <class Model> std::string contents(const Model& model) {
  std::string bytes;
  tg::visit(
      [&](const auto& leaf) {
        using T = typename std::remove_cvref_t<decltype(leaf)>::value_type;
        if (leaf.defined()) bytes += tg::detail::download<T>(leaf);
      },
      model);
  return bytes;
}

template <class Model>
std::string load_error(const std::string& path, Model& model,
                       tg::Unexpected policy = tg::Unexpected::reject) {
  return message_of([&] { tg::load(path, model, policy); });
}

}  // namespace

TEST_CASE("a model comes back as it was saved, under the names of its fields") {
  const TemporaryDirectory directory;
  const Net net = numbered_net();
  tg::save(directory / "net", net, {{"epoch", "3"}});
  CHECK(tg::read_safetensors(directory / "net").names() ==
        std::vector<std::string>{"norm.num_batches_tracked", "norm.running_mean", "conv.bias",
                                 "conv.weight", "norm.weight"});
  Net other;
  REQUIRE(contents(other) != contents(net));
  const tg::Metadata metadata = tg::load(directory / "net", other);
  CHECK(contents(other) == contents(net));
  CHECK(metadata.at("epoch") == "3");
}

TEST_CASE("a convolution weight stands in the file in PyTorch's order") {
  const TemporaryDirectory directory;
  const Net net = numbered_net();
  tg::save(directory / "net", net);
  const auto in_file = tg::read_safetensors(directory / "net").get<float>("conv.weight");
  CHECK(in_file.shape == tg::Shape{2, 3, 2, 4});
  const std::vector<float> ours = tg::to_host<float>(net.conv.weight),
                           theirs = tg::to_host(in_file);
  for (std::size_t k = 0, i = 0; k < 2; ++k)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t r = 0; r < 2; ++r)
        for (std::size_t s = 0; s < 4; ++s, ++i)
          CHECK(theirs[i] == ours[((k * 2 + r) * 4 + s) * 3 + c]);
}

TEST_CASE("a file of the reference implementation is loaded into a model") {
  Net net;
  CHECK(tg::load(reference_file, net, tg::Unexpected::ignore).at("format") == "pt");
  const std::vector<float> weight = tg::to_host<float>(net.conv.weight);
  for (std::size_t k = 0, i = 0; k < 2; ++k)
    for (std::size_t r = 0; r < 2; ++r)
      for (std::size_t s = 0; s < 4; ++s)
        for (std::size_t c = 0; c < 3; ++c, ++i)
          CHECK(weight[i] == static_cast<float>(1000 * k + 100 * c + 10 * r + s));
  CHECK(tg::to_host<float>(net.conv.bias) == std::vector<float>{0.5f, -2.0f});
  CHECK(tg::to_host<tg::bf16>(net.norm.weight)[1] == tg::bf16(-0.5f));
  CHECK(net.norm.num_batches_tracked.item() == 7);
}

TEST_CASE("loading writes in place and keeps the order in memory") {
  const TemporaryDirectory directory;
  const Net net = numbered_net();
  tg::save(directory / "net", net);
  Net other;
  tg::Tensor<float> permuted = tg::zeros<float>({2, 4, 3, 2});  // r, s, c, k
  permuted = tg::detail::reorder_axes(permuted, {3, 0, 1, 2});
  other.conv.weight = tg::Parameter<float>(permuted);
  const tg::Shape strides = other.conv.weight.strides;
  const float* const address = other.conv.weight.data();
  tg::load(directory / "net", other);
  CHECK(other.conv.weight.data() == address);
  CHECK(other.conv.weight.strides == strides);
  CHECK(contents(other) == contents(net));
  tg::save(directory / "again", other);
  CHECK(read_plainly(directory / "again") == read_plainly(directory / "net"));
}

TEST_CASE("lists and optional parts are named by their place") {
  const TemporaryDirectory directory;
  tg::save(directory / "deep", deep_model(3));
  const tg::SafeTensors file = tg::read_safetensors(directory / "deep");
  CHECK(file.contains("blocks.0.weight"));
  CHECK(file.contains("blocks.1.projection.weight"));
  CHECK_FALSE(file.contains("blocks.0.projection.weight"));
  CHECK(file.info("mask").dtype == "BOOL");
  CHECK(file.info("scale").dtype == "F16");
  Deep other = deep_model(0);
  tg::load(directory / "deep", other);
  CHECK(contents(other) == contents(deep_model(3)));
}

TEST_CASE("a training state of several models is one file") {
  const TemporaryDirectory directory;
  const Net net = numbered_net(), momentum;
  tg::save(directory / "state", std::pair(net, momentum));
  std::pair<Net, Net> state;
  tg::load(directory / "state", state);
  CHECK(contents(state.first) == contents(net));
  CHECK(contents(state.second) == contents(momentum));
}

TEST_CASE("absent tensors are neither saved nor loaded") {
  const TemporaryDirectory directory;
  Net net = numbered_net();
  net.conv.bias = tg::Parameter<float>();
  tg::save(directory / "net", net);
  CHECK_FALSE(tg::read_safetensors(directory / "net").contains("conv.bias"));
  Net other;
  CHECK(has(load_error(directory / "net", other), "missing in the file (1): conv.bias"));
  other.conv.bias = tg::Parameter<float>();
  tg::load(directory / "net", other);
  CHECK(contents(other) == contents(net));
}

TEST_CASE("what does not fit is listed, and nothing is loaded") {
  const TemporaryDirectory directory;
  const std::string path = directory / "net",
                    start = "load: " + path + ": the file does not fit the model";
  tg::save(path, numbered_net());

  struct Other {
    Conv conv{tg::zeros<float>({2, 2, 4, 5}), tg::zeros<float>({2})};
    struct {
      tg::Parameter<float> weight = tg::ones<float>({3});
      tg::Buffer<double> running_mean = tg::zeros<double>({2});
    } norm;
    tg::Parameter<float> head = tg::zeros<float>({3});
  } other;
  const std::string before = contents(other);
  CHECK(
      load_error(path, other) ==
      start +
          "; missing in the file (1): head"
          "; different, as laid out in the file (2): conv.weight (file F32 (2, 3, 2, 4), model F32 "
          "(2, 5, 2, 4)), norm.weight (file BF16 (3), model F32 (3))"
          "; not in the model, see Unexpected::ignore (1): norm.num_batches_tracked");
  CHECK_FALSE(has(load_error(path, other, tg::Unexpected::ignore), "not in the model"));
  CHECK(contents(other) == before);
}

TEST_CASE("one wrong tensor, wherever it stands, leaves the model as it was") {
  const TemporaryDirectory directory;
  const Net net = numbered_net();
  tg::save(directory / "net", net);
  for (int wrong = 0; wrong < 5; ++wrong) {
    Net other;
    if (wrong == 0) other.conv.weight = tg::zeros<float>({2, 2, 4, 4});
    if (wrong == 1) other.conv.bias = tg::zeros<float>({1});
    if (wrong == 2) other.norm.weight = tg::ones<tg::bf16>({3, 1});
    if (wrong == 3) other.norm.running_mean = tg::zeros<double>({});
    if (wrong == 4) other.norm.num_batches_tracked = tg::zeros<std::int64_t>({1});
    const std::string before = contents(other);
    CAPTURE(wrong);
    CHECK(has(load_error(directory / "net", other), "different, as laid out in the file (1)"));
    CHECK(contents(other) == before);
  }
}

TEST_CASE("a damaged file leaves the model as it was") {
  const TemporaryDirectory directory;
  tg::save(directory / "net", numbered_net());
  std::string bytes = read_plainly(directory / "net");
  bytes.back() ^= 1;
  write_plainly(directory / "net", bytes);
  Net other;
  const std::string before = contents(other);
  CHECK(has(load_error(directory / "net", other), "the checksum is "));
  CHECK(contents(other) == before);
}

TEST_CASE("only the first few of many names are listed") {
  const TemporaryDirectory directory;
  tg::write_safetensors(directory / "none", {});
  std::vector<tg::Parameter<float>> model(7, tg::Parameter<float>(tg::zeros<float>({1})));
  CHECK(has(load_error(directory / "none", model), "missing in the file (7): 0, 1, 2, 3, 4, ..."));
}

TEST_CASE("what is unexpected is an error unless it is to be ignored") {
  const TemporaryDirectory directory;
  tg::save(directory / "net", numbered_net());
  struct {
    Conv conv;
  } only;
  CHECK(has(load_error(directory / "net", only),
            "; not in the model, see Unexpected::ignore (3): norm.num_batches_tracked, "
            "norm.running_mean, norm.weight"));
  CHECK(load_error(directory / "net", only, tg::Unexpected::ignore) == "");
  CHECK(contents(only) == contents(numbered_net().conv));
}

}  // namespace checkpoint_test
