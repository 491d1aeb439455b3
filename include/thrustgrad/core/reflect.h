// SPDX-License-Identifier: MIT
// The fields of a struct, until C++26 has reflection: how many there are (by asking with how many
// initialisers the struct can be built), references to them (by structured bindings) and their
// names (from the compiler's spelling of a pointer to the field). Classes with constructors or
// private members list their fields in a member fields(). Layer core; knows nothing of tensors.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// A field of a class that lists its fields, made by field("weight", weight).
template <class T> struct Field {
  std::string_view name;
  T& value;
};

/// One entry of fields(...): the name used in files and a reference to the member.
template <class T> Field<T> field(std::string_view name, T& value) { return {name, value}; }

/// What a class with constructors or private members returns from its member function fields(), so
/// that it may be part of a model. One function, not const, is enough:
///   auto fields() { return tg::fields(tg::field("weight", weight), tg::field("bias", bias)); }
template <class... T> std::tuple<Field<T>...> fields(Field<T>... entries) { return {entries...}; }

namespace detail {

inline constexpr int max_fields = 24;

template <class T>
concept lists_fields = requires(T& object) {
  object.fields();
};

// Stand-ins for an initialiser of any type, only asked whether they could be converted (clang wants
// to see a body). A std::array is initialised by one of them, so that braces are not elided.
struct any_value {
  template <class T> operator T() const { std::abort(); }
};
struct any_lvalue {
  template <class T> operator T&() const { std::abort(); }
};
template <class Derived> struct any_base {
  template <class Base>
  requires(std::is_base_of_v<Base, Derived> && !std::is_same_v<Base, Derived>) operator Base()
      const {
    std::abort();
  }
};

template <class Any, std::size_t> using nth = Any;

template <class T, class Any, std::size_t... I> constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{nth<Any, I>{}...}; };
}

template <class T, std::size_t... I, std::size_t... J>
constexpr bool takes_braces_between(std::index_sequence<I...>, std::index_sequence<J...>) {
  return requires { T{nth<any_value, I>{}..., {}, nth<any_value, J>{}...}; };
}

// The largest number of initialisers, at most n, with which T can be built; -1 if there is none.
template <class T, class Any, int n = max_fields + 1> constexpr int count_initialisers() {
  if constexpr (n < 0)
    return -1;
  else if constexpr (takes<T, Any>(std::make_index_sequence<n>()))
    return n;
  else
    return count_initialisers<T, Any, n - 1>();
}

// A C array takes several initialisers by brace elision, but a single {} in their place: with {} at
// position i fewer than n - i - 1 others fit behind.
template <class T, int n, int i, int behind = n - i - 1> constexpr bool is_c_array_at() {
  if constexpr (behind < 0)
    return false;
  else if constexpr (takes_braces_between<T>(std::make_index_sequence<i>(),
                                             std::make_index_sequence<behind>()))
    return behind < n - i - 1;
  else
    return is_c_array_at<T, n, i, behind - 1>();
}

template <class T, int... i> constexpr bool has_c_array(std::integer_sequence<int, i...>) {
  return (is_c_array_at<T, sizeof...(i), i>() || ...);
}

// True if T is a struct whose fields can be counted; otherwise compilation ends with the reason.
template <class T> consteval bool check_struct() {
  static_assert(
      !requires { T{any_base<T>{}}; },
      "a struct in a model has no base class: make the base its first field, or list all "
      "fields in a member fields()");
  constexpr int n = count_initialisers<T, any_value>();
  static_assert(n >= 0 && !takes<T, any_lvalue>(std::make_index_sequence<n + 1>()),
                "a struct in a model has no references: hold the value itself");
  constexpr bool c_array = has_c_array<T>(std::make_integer_sequence<int, (n < 0 ? 0 : n)>());
  static_assert(!c_array,
                "a struct in a model has no C arrays: use std::array, which can be copied");
  static_assert(n <= max_fields || c_array,
                "a struct in a model has at most 24 fields: group some of them in a struct");
  return true;
}

template <class T>
inline constexpr int field_count = check_struct<T>() ? count_initialisers<T, any_value>() : 0;

// use(fields...) of a struct.
template <class T, class F> constexpr decltype(auto) with_fields(T& object, const F& use) {
  constexpr int count = field_count<std::remove_const_t<T>>;
  // clang-format off
  if constexpr (count == 0) { return use(); }
  if constexpr (count == 1) { auto& [a] = object; return use(a); }
  if constexpr (count == 2) { auto& [a, b] = object; return use(a, b); }
  if constexpr (count == 3) { auto& [a, b, c] = object; return use(a, b, c); }
  if constexpr (count == 4) { auto& [a, b, c, d] = object; return use(a, b, c, d); }
  if constexpr (count == 5) { auto& [a, b, c, d, e] = object; return use(a, b, c, d, e); }
  if constexpr (count == 6) { auto& [a, b, c, d, e, f] = object; return use(a, b, c, d, e, f); }
  if constexpr (count == 7) {
    auto& [a, b, c, d, e, f, g] = object;
    return use(a, b, c, d, e, f, g);
  }
  if constexpr (count == 8) {
    auto& [a, b, c, d, e, f, g, h] = object;
    return use(a, b, c, d, e, f, g, h);
  }
  if constexpr (count == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = object;
    return use(a, b, c, d, e, f, g, h, i);
  }
  if constexpr (count == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = object;
    return use(a, b, c, d, e, f, g, h, i, j);
  }
  if constexpr (count == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k);
  }
  if constexpr (count == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l);
  }
  if constexpr (count == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m);
  }
  if constexpr (count == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  }
  if constexpr (count == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
  }
  if constexpr (count == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  }
  if constexpr (count == 17) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
  }
  if constexpr (count == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
  }
  if constexpr (count == 19) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s);
  }
  if constexpr (count == 20) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
  }
  if constexpr (count == 21) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u);
  }
  if constexpr (count == 22) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v);
  }
  if constexpr (count == 23) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w);
  }
  if constexpr (count == 24) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = object;
    return use(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x);
  }
  // clang-format on
}

// std::tuple of references to the fields, const if the object is.
template <class T> constexpr auto field_references(T& object) {
  if constexpr (lists_fields<std::remove_const_t<T>>) {
    // fields() need not be const: nothing is written through it, and const is put back here.
    return std::apply(
        []<class... V>(const Field<V>&... entries) {
          return std::tuple<std::conditional_t<std::is_const_v<T>, const V, V>&...>(
              entries.value...);
        },
        const_cast<std::remove_const_t<T>&>(object).fields());
  } else {
    return with_fields(object, []<class... V>(V&... all) { return std::tuple<V&...>(all...); });
  }
}

template <class T> using field_tuple = decltype(field_references(std::declval<T&>()));

// An object that is never built, whose fields have addresses and therefore names.
template <class T> union unbuilt {
  char none;
  T value;
  constexpr unbuilt() : none{} {}
  constexpr ~unbuilt() {}
};
template <class T> struct example_of { static inline unbuilt<T> object; };

// clang 14 takes the address of a subobject as a template argument only inside a class.
template <class T> struct field_address { T* value; };

template <class T, std::size_t I> constexpr auto address_of_field() {
  return with_fields(example_of<T>::object.value, []<class... V>(V&... all) {
    auto& chosen = std::get<I>(std::tuple<V&...>(all...));
    return field_address<std::remove_reference_t<decltype(chosen)>>{&chosen};
  });
}

template <field_address A> const char* spelling() { return __PRETTY_FUNCTION__; }

// The name of field I: the last identifier of "... value.weight)}]" (g++) or "... value.weight}]"
// (clang). Read at run time: nvcc spells the pointer differently in its own constant evaluation.
template <class T, std::size_t I> std::string_view field_name() {
  std::string_view text = spelling<address_of_field<T, I>()>();
  const auto in_name = [](char c) {
    return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
  };
  while (!in_name(text.back())) text.remove_suffix(1);
  std::size_t begin = text.size();
  while (begin > 0 && in_name(text[begin - 1])) --begin;
  return text.substr(begin);
}

template <class T> const char* type_spelling() { return __PRETTY_FUNCTION__; }

// The name of a type as the compiler spells it, for messages: "user::Block", "std::vector<int>".
template <class T> std::string_view type_name() {
  std::string_view text = type_spelling<T>();
  text.remove_prefix(text.find("T = ") + 4);
  return text.substr(0, text.rfind(']'));
}

}  // namespace detail
}  // namespace thrustgrad::inline THRUSTGRAD_ABI
