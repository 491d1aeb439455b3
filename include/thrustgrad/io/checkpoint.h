// SPDX-License-Identifier: MIT
// Models in files: every parameter and buffer under the path of its field ("blocks.3.conv.weight"),
// laid out as PyTorch does, so that files go both ways. save and load are dual: what one writes,
// the other puts back where it was. Layer io.
//
// Tensors of rank 4 (convolution weights above all) have their channels last here and second in
// PyTorch; so every parameter or buffer of rank 4, (k, r, s, c), stands in the file as
// (k, c, r, s). All other ranks are written as they are.
#pragma once
#include <array>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "thrustgrad/autograd/visit.h"
#include "thrustgrad/io/safetensors.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// What load does with tensors in the file that the model does not have.
enum class Unexpected { reject, ignore };

namespace detail {

/// A view of x, not recorded, with the axes in another order.
template <element T> Tensor<T> reorder_axes(const Tensor<T>& x, std::array<index_t, 4> order) {
  Tensor<T> y = x;
  y.node = nullptr;
  for (int axis = 0; axis < 4; ++axis) {
    y.shape[axis] = x.shape[order[static_cast<std::size_t>(axis)]];
    y.strides[axis] = x.strides[order[static_cast<std::size_t>(axis)]];
  }
  return y;
}

template <element T> Tensor<T> to_file_layout(const Tensor<T>& x) {
  return x.rank() == 4 ? reorder_axes(x, {0, 3, 1, 2}) : x;
}

template <element T> Tensor<T> from_file_layout(const Tensor<T>& x) {
  return x.rank() == 4 ? reorder_axes(x, {0, 2, 3, 1}) : x;
}

/// The first few of many names, for a message.
class Listing {
 public:
  void add(std::string_view entry) {
    constexpr int shown = 5;
    if (++count_ > shown + 1) return;
    if (count_ > 1) text_ += ", ";
    text_ += count_ > shown ? "..." : entry;
  }
  bool empty() const { return count_ == 0; }
  /// "; title (count): a, b, c", or nothing if the list is empty.
  std::string str(std::string_view title) const {
    return empty() ? "" : describe("; ", title, " (", count_, "): ", text_);
  }

 private:
  int count_ = 0;
  std::string text_;
};

}  // namespace detail

/// Writes all parameters and buffers of a model to a safetensors file, atomically: a crash leaves
/// the old file or the new one. Absent tensors are left out, settings are not part of the file; put
/// what else is worth keeping into the metadata. Layout: PyTorch's, see the top of this header.
/// A training state (a struct of model, momentum and step) is saved in the same way.
template <class Model>
void save(const std::string& path, const Model& model, Metadata metadata = {}) {
  std::vector<NamedTensor> tensors;
  visit(
      [&](const std::string& name, const auto& leaf) {
        using T = typename std::remove_cvref_t<decltype(leaf)>::value_type;
        if (leaf.defined()) tensors.emplace_back(name, detail::to_file_layout<T>(leaf));
      },
      model);
  write_safetensors(path, std::move(tensors), std::move(metadata));
}

/// Reads the parameters and buffers of a model, which gives the names, shapes and element types,
/// and returns the metadata. All or nothing: throws, and lists what differs, before the first is
/// written, if one is missing in the file or has another shape or dtype there, or if the file has
/// more (PyTorch's num_batches_tracked, for instance) and that is not to be ignored.
template <class Model>
Metadata load(const std::string& path, Model& model, Unexpected policy = Unexpected::reject) {
  const SafeTensors file = read_safetensors(path);
  detail::Listing missing, different, unexpected;
  std::set<std::string> wanted;
  std::vector<std::function<void()>> writes;
  visit(
      [&](const std::string& name, auto& leaf) {
        using T = typename std::remove_cvref_t<decltype(leaf)>::value_type;
        if (!leaf.defined()) return;
        wanted.insert(name);
        if (!file.contains(name)) return missing.add(name);
        const TensorInfo& found = file.info(name);
        const std::string_view dtype = detail::file_type_name(dtype_of<T>);
        const Shape shape = detail::to_file_layout<T>(leaf).shape;
        if (found.dtype == dtype && found.shape == shape) {
          writes.push_back([&leaf, value = detail::from_file_layout(file.get<T>(name))] {
            assign(leaf, value);
          });
        } else {
          different.add(detail::describe(name, " (file ", found.dtype, " ", found.shape, ", model ",
                                         dtype, " ", shape, ")"));
        }
      },
      model);
  if (policy == Unexpected::reject) {
    for (const TensorInfo& info : file.tensors())
      if (!wanted.contains(info.name)) unexpected.add(detail::excerpt(info.name));
  }
  require(missing.empty() && different.empty() && unexpected.empty(), "load", path,
          ": the file does not fit the model", missing.str("missing in the file"),
          different.str("different, as laid out in the file"),
          unexpected.str("not in the model, see Unexpected::ignore"));
  for (const auto& write : writes) write();
  return file.metadata();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
