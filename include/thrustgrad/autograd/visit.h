// SPDX-License-Identifier: MIT
// What a model may be, and walking several models of one type side by side: a model is a plain
// struct; its gradient, its momentum and its average are values of the same type. Nothing is
// skipped in silence: what is not allowed does not compile, and the message names the type. Layer
// autograd.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "thrustgrad/core/parameter.h"
#include "thrustgrad/core/reflect.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

template <class T> inline constexpr bool is_parameter = false;
template <class T> inline constexpr bool is_parameter<Parameter<T>> = true;
template <class T> inline constexpr bool is_buffer = false;
template <class T> inline constexpr bool is_buffer<Buffer<T>> = true;
template <class T> inline constexpr bool is_tensor = false;
template <class T> inline constexpr bool is_tensor<Tensor<T>> = true;
template <class T> inline constexpr bool is_leaf = is_parameter<T> || is_buffer<T> || is_tensor<T>;
template <class T>
inline constexpr bool is_setting =
    std::is_arithmetic_v<T> || element<T> || std::is_enum_v<T> || std::is_same_v<T, std::string>;

template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;
template <class T> inline constexpr bool is_array = false;
template <class T, std::size_t n> inline constexpr bool is_array<std::array<T, n>> = true;
template <class T> inline constexpr bool is_list = is_array<T>;
template <class T, class A> inline constexpr bool is_list<std::vector<T, A>> = true;
template <class T> inline constexpr bool is_tuple = false;
template <class... T> inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B> inline constexpr bool is_tuple<std::pair<A, B>> = true;
template <class T>
inline constexpr bool is_struct = lists_fields<T> || (std::is_class_v<T> && std::is_aggregate_v<T>);

template <std::size_t I> using constant = std::integral_constant<std::size_t, I>;

// f(0) || f(1) || ..., with constants.
template <class F, std::size_t... I>
constexpr bool any_index(const F& f, std::index_sequence<I...>) {
  return (f(constant<I>()) || ...);
}

// f(0), f(1), ..., f(n - 1), with constants.
template <std::size_t n, class F> void for_each_index(const F& f) {
  any_index([&](auto i) { return f(i), false; }, std::make_index_sequence<n>());
}

// Ends compilation: T, found in Above..., is nothing that a model may hold.
template <class T, class... Above> constexpr bool not_allowed_in_a_model() {
  constexpr bool smart_pointer = requires(T & x) { *x, x.get(), x.reset(); };
  constexpr bool map = requires { typename T::key_type; };
  constexpr bool variant = requires(T & x) { x.valueless_by_exception(); };
  constexpr bool other = !smart_pointer && !map && !variant && !std::is_union_v<T> &&
                         !std::is_array_v<T> && !std::is_pointer_v<T> && !std::is_reference_v<T>;
  static_assert(
      !std::is_pointer_v<T> && !smart_pointer,
      "a model has no pointers: hold the Parameter or struct itself, std::optional if it "
      "may be missing, std::string for text; a parameter used twice is one field used twice");
  static_assert(!std::is_reference_v<T>,
                "a model has no references: hold the value itself (only the outermost tuple may be "
                "of references, as std::tie makes it)");
  static_assert(!map,
                "a model has no maps or sets: use a struct with named fields or a std::vector");
  static_assert(
      !std::is_union_v<T> && !variant,
      "a model has no unions or variants: use a std::optional field for each alternative");
  static_assert(!std::is_array_v<T>,
                "a model has no C arrays: use std::array, which can be copied");
  static_assert(!other,
                "a model is made of Parameter, Buffer, numbers, enums, std::string, std::vector, "
                "array, optional, pair and tuple of these, and structs of these; a class with "
                "constructors, private members, virtual functions or a base class lists what it "
                "holds in a member fields()");
  return false;
}

// Whether a T holds parameters, buffers or tensors; ends compilation if it holds what a model may
// not. Above are the types around it: a struct inside itself (a tree) is looked at once.
template <class T, class... Above> constexpr bool has_leaves() {
  if constexpr ((std::is_same_v<T, Above> || ...)) {
    return false;
  } else if constexpr (is_tensor<T>) {
    static_assert((is_tuple<Above> && ... && (sizeof...(Above) <= 1)),
                  "a Tensor inside a model is neither trained nor saved: make it a Parameter "
                  "(trained) or a Buffer (kept and saved, not trained)");
    return true;
  } else if constexpr (is_leaf<T> || is_setting<T>) {
    return is_leaf<T>;
  } else if constexpr (is_optional<T> || is_list<T>) {
    return has_leaves<typename T::value_type, T, Above...>();
  } else if constexpr (is_tuple<T>) {
    return any_index(
        [](auto i) {
          using part = std::tuple_element_t<i, T>;
          using value = std::conditional_t<sizeof...(Above) == 0, std::remove_cvref_t<part>, part>;
          return has_leaves<value, T, Above...>();
        },
        std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (is_struct<T>) {
    using parts = field_tuple<T>;
    const bool result = any_index(
        [](auto i) {
          using part = std::remove_reference_t<std::tuple_element_t<i, parts>>;
          return has_leaves<part, T, Above...>();
        },
        std::make_index_sequence<std::tuple_size_v<parts>>());
    static_assert(lists_fields<T> || std::is_move_assignable_v<T>,
                  "a struct in a model can be assigned: it has no references and no const members");
    return result;
  } else {
    return not_allowed_in_a_model<T, Above...>();
  }
}

// Where a leaf stands, as a list through the stack of calls; spelled out only when asked for.
struct Path {
  const Path* above;
  index_t index = 0;
  std::string_view name = {};
  std::string_view (*reflected_name)() = nullptr;

  std::string str() const {
    std::string text(reflected_name ? reflected_name() : name);
    if (text.empty()) text = std::to_string(index);
    return above ? above->str() + "." + text : text;
  }
};

// The type of a model as a value: a tuple of references becomes a tuple.
template <class M> struct value_type_of { using type = M; };
template <class... T> struct value_type_of<std::tuple<T...>> {
  using type = std::tuple<std::remove_cvref_t<T>...>;
};
template <class A, class B> struct value_type_of<std::pair<A, B>> {
  using type = std::pair<std::remove_cvref_t<A>, std::remove_cvref_t<B>>;
};
template <class M> using value_of = typename value_type_of<std::remove_cvref_t<M>>::type;

// The path in a message, without cost unless it is thrown.
struct Place {
  const Path* path;
  std::string str() const { return path ? path->str() : "the model"; }
};

template <class F, class... Leaves> void call(F& f, const Path* path, Leaves&... leaves) {
  constexpr bool takes_name = std::is_invocable_v<F&, const std::string&, Leaves&...>;
  static_assert(takes_name || std::is_invocable_v<F&, Leaves&...>,
                "the function given to visit takes a leaf of each model, with or without a name "
                "before them, for every element type in the model: make its parameters auto");
  if constexpr (takes_name) {
    const std::string name = path ? path->str() : "";
    f(name, leaves...);
  } else {
    f(leaves...);
  }
}

template <bool buffers, class F, class M, class... Ms>
void walk(F& f, const Path* path, M& model, Ms&... models);

template <std::size_t I, class M> auto path_to_field(M& model, const Path* path) {
  using T = std::remove_const_t<M>;
  if constexpr (lists_fields<T>) {
    return Path{path, 0, std::get<I>(const_cast<T&>(model).fields()).name};
  } else {
    return Path{path, 0, {}, field_name<T, I>};
  }
}

template <bool buffers, class F, class M, class... Ms>
void walk_list(F& f, const Path* path, M& model, Ms&... models) {
  for (std::size_t i = 0; i < model.size(); ++i) {
    const Path here{path, static_cast<index_t>(i)};
    walk<buffers>(f, &here, model[i], models[i]...);
  }
}

// Calls f for the leaves of models that have the same type and must have the same structure.
template <bool buffers, class F, class M, class... Ms>
void walk(F& f, const Path* path, M& model, Ms&... models) {
  using T = std::remove_const_t<M>;
  if constexpr (is_leaf<T>) {
    if constexpr (buffers || !is_buffer<T>) call(f, path, model, models...);
  } else if constexpr (!has_leaves<T>()) {
    return;  // settings may differ: a gradient has none
  } else if constexpr (is_optional<T>) {
    require(((model.has_value() == models.has_value()) && ...), "visit", Place{path},
            " is there in one model and missing in another; both must have the same structure");
    if (model) walk<buffers>(f, path, *model, *models...);
  } else if constexpr (is_list<T>) {
    (require(model.size() == models.size(), "visit", Place{path}, " has ", model.size(),
             " elements in one model and ", models.size(),
             " in another; both must have the same structure"),
     ...);
    walk_list<buffers>(f, path, model, models...);
  } else if constexpr (is_tuple<T>) {
    for_each_index<std::tuple_size_v<T>>([&](auto i) {
      const Path here{path, i};
      walk<buffers>(f, &here, std::get<i>(model), std::get<i>(models)...);
    });
  } else {
    const auto walk_fields = [&](auto fields_of_model, auto... fields_of_models) {
      for_each_index<std::tuple_size_v<field_tuple<T>>>([&](auto i) {
        const Path here = path_to_field<i>(model, path);
        walk<buffers>(f, &here, std::get<i>(fields_of_model), std::get<i>(fields_of_models)...);
      });
    };
    walk_fields(field_references(model), field_references(models)...);
  }
}

// Compiles if Ms are, up to const, one type that may be a model.
template <class M, class... Ms> constexpr void check_model() {
  has_leaves<std::remove_cvref_t<M>>();
  static_assert((std::is_same_v<value_of<M>, value_of<Ms>> && ...),
                "models that are visited together have the same type");
}

}  // namespace detail

/// Calls f(leaf, leaves...) for every Parameter and Buffer of a model together with the leaves at
/// the same place in the other models, or f(name, leaf, leaves...) if f takes a name before them,
/// such as "blocks.3.projection.weight". A model may also be a Tensor, or a tuple (std::tie) of
/// models and tensors. Throws if vectors differ in length or optionals in being engaged, with their
/// name.
template <class F, class M, class... Ms> void visit(F&& f, M&& model, Ms&&... models) {
  detail::check_model<M, Ms...>();
  detail::walk<true>(f, nullptr, model, models...);
}

/// The same without the buffers: what value_and_grad differentiates and an optimizer updates.
template <class F, class M, class... Ms> void visit_parameters(F&& f, M&& model, Ms&&... models) {
  detail::check_model<M, Ms...>();
  detail::walk<false>(f, nullptr, model, models...);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
