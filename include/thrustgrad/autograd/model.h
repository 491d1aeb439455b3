// SPDX-License-Identifier: MIT
// What can be done with any model (see autograd/visit.h for what a model may be): a value of its
// type with nothing or zeros in it, which is what gradients and optimizer states start from,
// counting, names, and a table to look at. Layer autograd.
#pragma once
#include <algorithm>
#include <concepts>
#include <cstdio>
#include <vector>

#include "thrustgrad/autograd/visit.h"
#include "thrustgrad/core/create.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

// A value of the model's type that holds leaf(x) for each leaf x; vectors and optionals as in the
// model, settings empty. A struct is built from its fields, so that its initialisers do not run.
template <class M, class F> value_of<M> rebuild(const M& model, const F& leaf) {
  using T = value_of<M>;
  const auto each = [&]<class Parts>(const Parts& parts) {
    return std::apply([&](const auto&... part) { return T{rebuild(part, leaf)...}; }, parts);
  };
  if constexpr (is_leaf<T>) {
    return leaf(model);
  } else if constexpr (!has_leaves<T>()) {
    static_assert(std::is_default_constructible_v<T>,
                  "a setting in a model has a default constructor: the model's gradient is a value "
                  "of the same type with empty settings");
    return T{};
  } else if constexpr (is_optional<T>) {
    return model ? T(rebuild(*model, leaf)) : T();
  } else if constexpr (is_tuple<T> || is_array<T>) {
    return each(model);
  } else if constexpr (is_list<T>) {
    T result;
    result.reserve(model.size());
    for (const auto& element : model) result.push_back(rebuild(element, leaf));
    return result;
  } else if constexpr (lists_fields<T>) {
    static_assert(
        std::is_default_constructible_v<T>,
        "a class with fields() has a default constructor: the model's gradient is a value "
        "of the same type, whose fields are filled in");
    T result;
    [&]<class... V>(std::tuple<V&...> to, auto from) {
      std::apply([&](const auto&... x) { to = std::tuple<V...>(rebuild(x, leaf)...); }, from);
    }(field_references(result), field_references(model));
    return result;
  } else {
    return each(field_references(model));
  }
}

}  // namespace detail

/// A value of the model's own type, with vectors and optionals as in the model, all parameters and
/// buffers absent and all settings empty; no tensor data is copied. The gradient of a parameter on
/// which nothing depends looks like this.
template <class M> detail::value_of<M> skeleton(const M& model) {
  detail::check_model<M>();
  return detail::rebuild(model, []<class Leaf>(const Leaf&) { return Leaf(); });
}

/// A skeleton whose parameters are zeros of the model's shapes: a momentum before the first step.
/// Parameters that are absent in the model stay so.
template <class M>
requires(!std::derived_from<M, AnyTensor>) detail::value_of<M> zeros_like(const M& model) {
  detail::check_model<M>();
  return detail::rebuild(model, []<class Leaf>(const Leaf& leaf) {
    return detail::is_buffer<Leaf> || !leaf.defined() ? Leaf() : Leaf(zeros_like(leaf));
  });
}

/// The number of trained elements; an absent parameter has none.
template <class M> index_t numel(const M& model) {
  index_t n = 0;
  visit_parameters([&](const auto& leaf) { n += leaf.defined() ? leaf.numel() : 0; }, model);
  return n;
}

/// The names of the parameters, in the order in which visit_parameters meets them.
template <class M> std::vector<std::string> parameter_names(const M& model) {
  std::vector<std::string> names;
  visit_parameters([&](const std::string& name, const auto&) { names.push_back(name); }, model);
  return names;
}

/// Throws if two parameters or buffers share one storage, with both names: a parameter that is used
/// twice is one field used twice.
template <class M> void check_distinct(const M& model, std::string_view op = "value_and_grad") {
  std::vector<std::pair<const void*, std::size_t>> owners;  // storage, position in the model
  std::size_t position = 0;
  const auto note_owner = [&]<class Leaf>(const Leaf& leaf) {
    // A Tensor given beside the model is a handle and may share its storage, but one handle given
    // twice is one argument.
    const void* const owner =
        detail::is_tensor<Leaf> ? static_cast<const void*>(&leaf) : leaf.storage.get();
    if (leaf.defined()) owners.emplace_back(owner, position);
    ++position;
  };
  visit(note_owner, model);
  std::sort(owners.begin(), owners.end());
  std::pair first{position, position};  // the pair that comes first in the model
  for (std::size_t i = 1; i < owners.size(); ++i) {
    if (owners[i - 1].first == owners[i].first)
      first = std::min(first, std::pair{owners[i - 1].second, owners[i].second});
  }
  if (first.first == position) return;
  std::vector<std::string> names;
  visit([&](const std::string& name, const auto&) { names.push_back(name); }, model);
  fail(op, names[first.first], " and ", names[first.second],
       " share one storage: a parameter that is used twice is one field used twice");
}

/// A table of all parameters and buffers: name, shape, element type, number of elements; and the
/// total number of parameters in the last line.
template <class M> std::string summary(const M& model) {
  std::vector<std::array<std::string, 4>> rows = {{"name", "shape", "type", "elements"}};
  visit(
      [&]<class Leaf>(const std::string& name, const Leaf& leaf) {
        const std::string kind = detail::is_buffer<Leaf> ? " buffer" : "";
        rows.push_back({name, leaf.defined() ? leaf.shape.str() : "absent",
                        dtype_name(dtype_of<typename Leaf::value_type>) + kind,
                        leaf.defined() ? std::to_string(leaf.numel()) : "0"});
      },
      model);
  rows.push_back({"parameters", "", "", std::to_string(numel(model))});
  std::array<std::size_t, 4> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < 4; ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < 3; ++i) {
      text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    text += std::string(widths[3] - row[3].size(), ' ') + row[3] + "\n";
  }
  return text;
}

/// Prints the summary of a model.
template <class M>
requires(!std::derived_from<M, AnyTensor>) void print(const M& model) {
  std::fputs(summary(model).c_str(), stdout);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
