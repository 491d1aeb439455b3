// SPDX-License-Identifier: MIT
// Named tensors in a file, in the safetensors format, which PyTorch, JAX, MLX and others read: the
// length N of a header (8 bytes, little-endian), N bytes of JSON (io/safetensors_header.h) and the
// elements of the tensors, row-major and without a gap. Reading and writing are dual: what is
// written is read back bit for bit. Layer io; save and load of models are in io/checkpoint.h.
#pragma once
#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "thrustgrad/core/create.h"
#include "thrustgrad/io/file.h"
#include "thrustgrad/io/safetensors_header.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

static_assert(std::endian::native == std::endian::little,
              "the elements of a safetensors file are little-endian and are copied as they are");

namespace detail {

/// A row-major tensor on the device from the bytes of its elements.
template <element T> Tensor<T> upload(std::string_view bytes, const Shape& shape) {
  Tensor<T> x = empty<T>(shape);
  device::copy(x.mutable_data(), bytes.data(), bytes.size());
  return x;
}

/// The bytes of a tensor's elements in row-major order, whatever its strides.
template <element T> std::string download(const Tensor<T>& x) {
  const auto elements = to_host(x);
  if constexpr (std::same_as<T, bool>) {
    return std::string(elements.begin(), elements.end());
  } else {
    return std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
  }
}

}  // namespace detail

/// The tensors of a file, held in host memory until get() hands them out.
class SafeTensors {
 public:
  SafeTensors(std::string path, SafeTensorsHeader header, std::string data)
      : path_(std::move(path)), header_(std::move(header)), data_(std::move(data)) {
    for (std::size_t i = 0; i < header_.tensors.size(); ++i) places_[header_.tensors[i].name] = i;
  }

  const std::string& path() const { return path_; }
  const Metadata& metadata() const { return header_.metadata; }
  /// What the file holds, in the order of its data.
  std::span<const TensorInfo> tensors() const { return header_.tensors; }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const TensorInfo& info : header_.tensors) result.push_back(info.name);
    return result;
  }
  bool contains(std::string_view name) const { return places_.contains(name); }

  /// Throws if there is no such tensor.
  const TensorInfo& info(std::string_view name) const {
    const auto place = places_.find(name);
    require(place != places_.end(), "safetensors", path_, ": ", detail::tensor_subject(name),
            "the file has no such tensor");
    return header_.tensors[place->second];
  }

  /// The elements of a tensor as they stand in the file.
  std::string_view bytes(std::string_view name) const {
    const TensorInfo& found = info(name);
    return std::string_view(data_).substr(static_cast<std::size_t>(found.begin),
                                          static_cast<std::size_t>(found.end - found.begin));
  }

  /// A copy of a tensor on the device. Throws if there is no such tensor, or if its dtype is not
  /// that of T: nothing is converted (cast() does that).
  template <element T> Tensor<T> get(std::string_view name) const {
    const TensorInfo& found = info(name);
    const std::string subject = detail::tensor_subject(name);
    const std::string_view expected = detail::file_type_name(dtype_of<T>);
    require(found.dtype == expected, "safetensors", path_, ": ", subject, "expected dtype ",
            expected, ", found ", found.dtype);
    const std::string_view elements = bytes(name);
    if constexpr (std::same_as<T, bool>) {  // a bool of any other value is undefined behaviour
      const std::size_t bad = elements.find_first_not_of(std::string_view("\0\1", 2));
      require(bad == elements.npos, "safetensors", path_, ": ", subject, "element ", bad,
              " of a BOOL tensor is neither 0 nor 1");
    }
    return detail::upload<T>(elements, found.shape);
  }

 private:
  std::string path_;
  SafeTensorsHeader header_;
  std::string data_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

namespace detail {

/// Eight hexadecimal digits: CRC-32 of the header as written without its own entry, then the data.
template <class = void>
std::string checksum(SafeTensorsHeader header, std::span<const std::string_view> data) {
  header.metadata.erase("crc32");
  std::uint32_t value = crc32(safetensors_header_text(header));
  for (std::string_view part : data) value = crc32(part, value);
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(value));
  return digits;
}

}  // namespace detail

/// Reads and checks a file: every rule of the format first, then, where the metadata has one, the
/// checksum that write_safetensors stores. Throws Error with the path, the place in the file and
/// the tensor. No header makes it take memory for elements that are not in the file.
template <class = void> SafeTensors read_safetensors(const std::string& path) {
  InputFile file(path);
  const auto check = [&](bool ok, const auto&... parts) {
    require(ok, "safetensors", path, ": at byte 0: ", parts...);
  };
  check(file.size() >= 8, "expected 8 bytes of header length, the file has ", file.size());
  const std::string length_bytes = file.read(8);
  std::uint64_t length;
  std::memcpy(&length, length_bytes.data(), sizeof length);
  check(length <= static_cast<std::uint64_t>(detail::max_header_size), "a header of ", length,
        " bytes; at most ", detail::max_header_size, " are allowed");
  const auto header_size = static_cast<index_t>(length);
  check(header_size <= file.size() - 8, "a header of ", header_size, " bytes; only ",
        file.size() - 8, " follow in the file");
  const index_t data_size = file.size() - 8 - header_size;
  SafeTensorsHeader header = parse_safetensors_header(path, file.read(header_size), data_size);
  std::string data = file.read(data_size);
  if (const auto stored = header.metadata.find("crc32"); stored != header.metadata.end()) {
    const std::string_view all = data;
    const std::string computed = detail::checksum(header, std::span(&all, 1));
    require(computed == stored->second, "safetensors", path, ": the checksum is ", computed,
            ", the metadata says \"", detail::excerpt(stored->second),
            "\": the file is damaged, or was changed by a program that kept the metadata");
  }
  return SafeTensors(path, std::move(header), std::move(data));
}

/// A tensor on its way into a file: any element type, shape and strides.
struct NamedTensor {
  template <element T>
  NamedTensor(std::string name, const Tensor<T>& x)
      : info{std::move(name), std::string(detail::file_type_name(dtype_of<T>)), x.shape, 0, 0, 0},
        bytes(detail::download(x)) {}

  TensorInfo info;
  std::string bytes;  // row-major
};

namespace detail {

template <class = void> void check_name(const std::string& path, std::string_view name) {
  require(is_utf8(name) && !has_control_character(name), "write_safetensors", path, ": \"",
          excerpt(name), "\": a name must be UTF-8 without control characters");
}

/// Orders the tensors as the reference implementation does, which aligns every one to its own
/// element size: by dtype, the largest first, then by name. Gives each its place in the data.
template <class = void>
SafeTensorsHeader place(const std::string& path, std::vector<NamedTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return std::tuple(find_file_type(b.info.dtype), std::string_view(a.info.name)) <
           std::tuple(find_file_type(a.info.dtype), std::string_view(b.info.name));
  });
  require(tensors.size() <= max_tensors, "write_safetensors", path, ": ", tensors.size(),
          " tensors; at most ", max_tensors, " are allowed");
  SafeTensorsHeader header;
  std::map<std::string_view, int> count;
  index_t end = 0;
  for (NamedTensor& tensor : tensors) {
    const std::string& name = tensor.info.name;
    check_name(path, name);
    require(name != "__metadata__" && ++count[name] == 1, "write_safetensors", path, ": \"",
            excerpt(name), "\": the name of two tensors, or of the metadata");
    tensor.info.begin = std::exchange(end, end + static_cast<index_t>(tensor.bytes.size()));
    tensor.info.end = end;
    header.tensors.push_back(tensor.info);
  }
  return header;
}

}  // namespace detail

/// Writes tensors and metadata, atomically (see write_file): the same arguments give the same
/// bytes, whatever the order of the tensors. The metadata gets {"format": "pt"}, which PyTorch's
/// loaders ask for, and a checksum of everything, "crc32". Throws for names that occur twice or
/// are not UTF-8, and if the file cannot be written.
template <class = void>
void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                       Metadata metadata = {}) {
  SafeTensorsHeader header = detail::place(path, tensors);
  metadata.emplace("format", "pt");
  for (const auto& [name, value] : metadata) {
    detail::check_name(path, name);
    require(detail::is_utf8(value), "write_safetensors", path, ": metadata \"",
            detail::excerpt(name), "\" is not UTF-8");
  }
  header.metadata = std::move(metadata);

  std::vector<std::string_view> parts(2);
  for (const NamedTensor& tensor : tensors) parts.push_back(tensor.bytes);
  header.metadata["crc32"] = detail::checksum(header, std::span(parts).subspan(2));
  const std::string text = safetensors_header_text(header);
  require(text.size() <= static_cast<std::size_t>(detail::max_header_size), "write_safetensors",
          path, ": a header of ", text.size(), " bytes; at most ", detail::max_header_size,
          " are allowed");
  const std::uint64_t length = text.size();
  parts[0] = std::string_view(reinterpret_cast<const char*>(&length), sizeof length);
  parts[1] = text;
  write_file(path, parts);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
