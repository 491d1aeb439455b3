// SPDX-License-Identifier: MIT
// CIFAR-10 in its binary format: six files of records, a record being one byte of label and 3072
// bytes of pixels (red, green, blue planes of 32 x 32). Files that are missing, damaged or of
// another format are reported by name and byte offset. Layer data: host memory only; batches.h
// brings a Dataset onto the device.
#pragma once
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

inline constexpr index_t cifar_channels = 3, cifar_side = 32;
inline constexpr index_t cifar_pixels = cifar_channels * cifar_side * cifar_side;
inline constexpr index_t cifar_record = 1 + cifar_pixels;  // bytes
inline constexpr index_t cifar_batch = 10000;              // records a file

inline constexpr std::array<std::string_view, 10> cifar10_classes{
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

/// Labelled 32 x 32 colour images in host memory, ordered as in the files.
struct Dataset {
  std::vector<std::uint8_t> images;  // (count, 3, 32, 32)
  std::vector<std::uint8_t> labels;  // (count), each below 10

  index_t count() const { return static_cast<index_t>(labels.size()); }
  std::span<const std::uint8_t> image(index_t i) const {
    return std::span(images).subspan(static_cast<std::size_t>(i * cifar_pixels), cifar_pixels);
  }
};

struct Cifar10 {
  Dataset train, test;
};

namespace detail {

struct close_file {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

inline std::unique_ptr<std::FILE, close_file> open_file(const std::filesystem::path& path,
                                                        const char* mode, std::string_view op) {
  std::unique_ptr<std::FILE, close_file> file(std::fopen(path.string().c_str(), mode));
  if (!file) fail(op, path.string(), ": ", std::generic_category().message(errno));
  return file;
}

/// The first `size` bytes of a file. Throws if it cannot be opened or ends early.
template <class = void>
std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path, index_t size) {
  const auto file = open_file(path, "rb", "read_cifar10");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  errno = 0;
  const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file.get());
  if (got != bytes.size())
    fail("read_cifar10", path.string(), ": reading stopped at byte ", got, " of ", size, ": ",
         errno ? std::generic_category().message(errno) : "the file ends there");
  return bytes;
}

inline std::array<std::string, 6> cifar_files() {
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
          "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
}

/// The folder that holds the files: `directory` or its cifar-10-batches-bin. Throws if one is
/// missing.
template <class = void>
std::filesystem::path find_cifar_files(const std::filesystem::path& directory) {
  std::error_code error;
  const auto status = std::filesystem::status(directory, error);
  if (!std::filesystem::exists(status))
    fail("read_cifar10", directory.string(), ": ", error ? error.message() : "no such directory");
  if (!std::filesystem::is_directory(status))
    fail("read_cifar10", directory.string(), " is not a directory");
  const auto inner = directory / "cifar-10-batches-bin";
  const bool unpacked_here = std::filesystem::exists(directory / cifar_files()[0], error);
  const auto folder =
      !unpacked_here && std::filesystem::is_directory(inner, error) ? inner : directory;
  std::string missing;
  for (const auto& name : cifar_files()) {
    const auto file = std::filesystem::status(folder / name, error);
    if (file.type() == std::filesystem::file_type::not_found) missing += " " + name;
  }
  if (!missing.empty())
    fail("read_cifar10", folder.string(), " lacks", missing,
         "; expected are data_batch_1.bin to data_batch_5.bin and test_batch.bin, CIFAR-10's "
         "binary version (cifar-10-binary.tar.gz, not the Python one), unpacked");
  return folder;
}

}  // namespace detail

/// Appends the records of one binary file to `data`.
/// Throws, with file and byte offset, if it cannot be read, has not exactly `records` records, or
/// has a label above 9.
template <class = void>
void read_cifar_file(const std::filesystem::path& path, Dataset& data,
                     index_t records = cifar_batch) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  const index_t size = std::filesystem::is_regular_file(status)
                           ? static_cast<index_t>(std::filesystem::file_size(path, error))
                           : 0;
  if (error) fail("read_cifar10", path.string(), ": ", error.message());
  if (!std::filesystem::is_regular_file(status))
    fail("read_cifar10", path.string(), " is ",
         std::filesystem::is_directory(status) ? "a directory" : "no regular file",
         ", expected a file of ", records * cifar_record, " bytes");
  if (size != records * cifar_record)
    fail("read_cifar10", path.string(), " has ", size, " bytes, expected ", records * cifar_record,
         " (", records, " records of ", cifar_record, "): it holds ", size / cifar_record,
         " whole records and ", size % cifar_record, " bytes; ",
         size < records * cifar_record ? "a truncated download?" : "another format?");
  const auto bytes = detail::read_bytes(path, size);
  for (index_t record = 0; record < records; ++record) {
    const auto row = std::span(bytes).subspan(static_cast<std::size_t>(record * cifar_record),
                                              static_cast<std::size_t>(cifar_record));
    if (row[0] >= cifar10_classes.size())
      fail("read_cifar10", path.string(), ": record ", record, " at byte ", record * cifar_record,
           " has label ", row[0], ", expected 0 to 9; a damaged file or another format?");
    data.labels.push_back(row[0]);
    data.images.insert(data.images.end(), row.begin() + 1, row.end());
  }
}

/// Writes a data set as one binary file. Throws if the file cannot be written.
template <class = void>
void write_cifar_file(const std::filesystem::path& path, const Dataset& data) {
  const auto file = detail::open_file(path, "wb", "write_cifar_file");
  errno = 0;
  bool written = true;
  for (index_t i = 0; i < data.count(); ++i) {
    const auto image = data.image(i);
    written = written && std::fputc(data.labels[static_cast<std::size_t>(i)], file.get()) != EOF &&
              std::fwrite(image.data(), 1, image.size(), file.get()) == image.size();
  }
  if (!written || std::fflush(file.get()) != 0)
    fail("write_cifar_file", path.string(), ": ", std::generic_category().message(errno));
}

/// The training set (data_batch_1.bin to data_batch_5.bin) and the test set (test_batch.bin) in
/// `directory` or in its folder cifar-10-batches-bin; `records` is the number in each file.
/// Throws with the name of the file and what is wrong with it (see read_cifar_file).
/// Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
template <class = void>
Cifar10 read_cifar10(const std::filesystem::path& directory, index_t records = cifar_batch) {
  const auto folder = detail::find_cifar_files(directory);
  const auto files = detail::cifar_files();
  Cifar10 data;
  data.train.images.reserve(static_cast<std::size_t>(5 * records * cifar_pixels));
  for (std::size_t i = 0; i < 5; ++i) read_cifar_file(folder / files[i], data.train, records);
  read_cifar_file(folder / files[5], data.test, records);
  return data;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
