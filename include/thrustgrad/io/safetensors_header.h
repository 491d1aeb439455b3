// SPDX-License-Identifier: MIT
// The header of a safetensors file (github.com/huggingface/safetensors): JSON that gives each
// tensor a dtype, a shape and its place in the data. Parsing checks every rule of the format, so
// that whoever reads the data afterwards needs no check; writing gives the bytes of the reference
// implementation. Knows nothing of tensors. Layer io.
#pragma once
#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thrustgrad/core/dtype.h"
#include "thrustgrad/core/shape.h"
#include "thrustgrad/io/json.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Free text that a file carries beside its tensors.
using Metadata = std::map<std::string, std::string>;

/// What a header says of one tensor: its elements are the bytes [begin, end) of the data.
struct TensorInfo {
  std::string name, dtype;  // dtype as in the file: "F32", "BF16", "I64", ...
  Shape shape;
  index_t begin = 0, end = 0;
  index_t position = 0;  // of the name in the file, for messages
};

/// The header of a file, its tensors in the order of their data.
struct SafeTensorsHeader {
  std::vector<TensorInfo> tensors;
  Metadata metadata;
};

namespace detail {

inline constexpr index_t max_header_size = 100'000'000;  // the reference implementation's limit
inline constexpr std::size_t max_tensors = 100'000;

struct FileType {
  std::string_view name;
  index_t size;
};

/// All dtypes of whole bytes; in this order the reference implementation sorts tensors, last first.
inline constexpr FileType file_types[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
    {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U32", 4},
    {"F32", 4},  {"C64", 8}, {"F64", 8}, {"I64", 8},     {"U64", 8}};

/// The place of a dtype in file_types, whose size if there is none.
inline std::size_t find_file_type(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(file_types, name, &FileType::name) -
                                  std::begin(file_types));
}

/// The name in files of the library's element types.
constexpr std::string_view file_type_name(DType type) {
  constexpr std::string_view names[] = {"F32", "F64", "BF16", "F16", "I32", "I64", "U8", "BOOL"};
  return names[static_cast<std::size_t>(type)];
}

inline std::string tensor_subject(std::string_view name) {
  return "tensor \"" + excerpt(name) + "\": ";
}

template <class = void> Shape parse_shape(JsonReader& json) {
  Shape shape;
  json.sequence('[', ']', "an array of sizes", [&] {
    const index_t position = json.position();
    if (shape.rank() == Shape::max_rank)
      json.fail_at(position, "more than ", Shape::max_rank, " axes");
    shape.push_back(json.natural());
  });
  return shape;
}

template <class = void> void parse_offsets(JsonReader& json, TensorInfo& info) {
  constexpr std::string_view expected = "two offsets [begin, end]";
  json.expect('[', expected);
  info.begin = json.natural();
  json.expect(',', expected);
  info.end = json.natural();
  json.expect(']', expected);
}

/// Throws unless the offsets hold as many bytes as shape and dtype need.
template <class = void> void check_size(const JsonReader& json, const TensorInfo& info) {
  if (info.begin > info.end)
    json.fail_at(info.position, "data_offsets [", info.begin, ", ", info.end,
                 "] end before they begin");
  const index_t item = file_types[find_file_type(info.dtype)].size;
  // Sizes of 0 count as 1, so that no later product of sizes or strides can overflow either.
  index_t bound = item, needed = item;
  for (index_t size : info.shape) {
    if (__builtin_mul_overflow(bound, std::max<index_t>(size, 1), &bound))
      json.fail_at(info.position, "shape ", info.shape, " of ", info.dtype, " overflows 64 bits");
    needed *= size;
  }
  if (info.end - info.begin != needed)
    json.fail_at(info.position, "shape ", info.shape, " of ", info.dtype, " needs ", needed,
                 " bytes, data_offsets [", info.begin, ", ", info.end, "] hold ",
                 info.end - info.begin);
}

template <class = void>
TensorInfo parse_tensor(JsonReader& json, const std::string& name, index_t position) {
  constexpr std::array<std::string_view, 3> keys = {"dtype", "shape", "data_offsets"};
  std::array<bool, 3> seen{};
  TensorInfo info{name, {}, {}, 0, 0, position};
  json.object("an object with dtype, shape and data_offsets", [&](const auto& key, index_t where) {
    const auto which = static_cast<std::size_t>(std::ranges::find(keys, key) - keys.begin());
    if (which == keys.size())
      json.fail_at(where, "expected dtype, shape or data_offsets, found key \"", excerpt(key),
                   "\"");
    if (std::exchange(seen[which], true)) json.fail_at(where, "key \"", key, "\" twice");
    if (which == 0) {
      const index_t at = json.position();
      info.dtype = json.string("a dtype in quotes");
      if (find_file_type(info.dtype) == std::size(file_types))
        json.fail_at(at, "unknown dtype \"", excerpt(info.dtype), "\"");
    } else if (which == 1) {
      info.shape = parse_shape(json);
    } else {
      parse_offsets(json, info);
    }
  });
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (!seen[i]) json.fail_at(position, "has no ", keys[i]);
  check_size(json, info);
  return info;
}

/// Throws unless the tensors, sorted by their place, cover the data without hole or overlap.
template <class = void>
void check_cover(const JsonReader& json, std::span<const TensorInfo> tensors, index_t data_size) {
  index_t covered = 0;
  for (const TensorInfo& info : tensors) {
    if (info.begin != covered)
      json.fail_at(info.position, tensor_subject(info.name), "expected to begin at byte ", covered,
                   " of the data, found ", info.begin,
                   info.begin < covered ? " (overlap)" : " (hole)");
    covered = info.end;
  }
  if (covered != data_size)
    json.fail_at(8, "the tensors cover ", covered, " bytes of data, the file has ", data_size,
                 covered > data_size ? " (truncated)" : " (bytes that belong to no tensor)");
}

}  // namespace detail

/// Reads a header, the N bytes behind the length, of a file with data_size bytes behind the header.
/// Throws "safetensors: path: at byte n: what is wrong" unless every rule of the format holds, and
/// for more than 100,000 tensors or 8 axes.
template <class = void>
SafeTensorsHeader parse_safetensors_header(const std::string& path, std::string_view text,
                                           index_t data_size) {
  detail::JsonReader json(text, "safetensors: " + path, 8);
  if (!text.starts_with('{')) json.fail_at(8, "the header does not start with '{'");
  SafeTensorsHeader header;
  std::map<std::string, index_t, std::less<>> seen;
  json.object("'{'", [&](const std::string& key, index_t position) {
    if (!seen.emplace(key, position).second)
      json.fail_at(position, "key \"", detail::excerpt(key), "\" twice");
    if (key == "__metadata__") {
      json.set_subject("__metadata__: ");
      json.object("an object of texts", [&](const std::string& name, index_t where) {
        if (!header.metadata.emplace(name, json.string("a text in quotes")).second)
          json.fail_at(where, "key \"", detail::excerpt(name), "\" twice");
      });
    } else {
      if (header.tensors.size() == detail::max_tensors)
        json.fail_at(position, "more than ", detail::max_tensors, " tensors");
      json.set_subject(detail::tensor_subject(key));
      header.tensors.push_back(detail::parse_tensor(json, key, position));
    }
    json.set_subject("");
  });
  json.end();
  // Stable: empty tensors at one place keep their order, on which the checksum depends.
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const TensorInfo& a, const TensorInfo& b) {
                     return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                   });
  detail::check_cover(json, header.tensors, data_size);
  return header;
}

/// The header's text as the reference implementation writes it, padded with spaces so that the
/// data starts at a multiple of 8 bytes.
template <class = void> std::string safetensors_header_text(const SafeTensorsHeader& header) {
  std::string text = "{";
  const auto key = [&](std::string_view name) {
    text += text.back() == '{' ? "" : ",";
    text += detail::json_quote(name) + ":";
  };
  if (!header.metadata.empty()) {
    key("__metadata__");
    text += "{";
    for (const auto& [name, value] : header.metadata) {
      key(name);
      text += detail::json_quote(value);
    }
    text += "}";
  }
  for (const TensorInfo& info : header.tensors) {
    key(info.name);
    text += "{\"dtype\":\"" + info.dtype + "\",\"shape\":[";
    for (const index_t& size : info.shape)
      text += (&size == info.shape.begin() ? "" : ",") + std::to_string(size);
    text +=
        "],\"data_offsets\":[" + std::to_string(info.begin) + "," + std::to_string(info.end) + "]}";
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
