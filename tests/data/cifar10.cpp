// SPDX-License-Identifier: MIT
// The CIFAR-10 reader on small files that the tests write: what it returns, and what it says about
// every kind of damage.
#include "thrustgrad/data/cifar10.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace cifar10_test {

namespace tg = thrustgrad;
namespace fs = std::filesystem;

namespace {

/// A temporary folder that is removed at the end of the scope.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "thrustgrad_cifar_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// Every pixel tells the file, the record and its own position apart.
tg::Dataset make_records(int file, tg::index_t records) {
  tg::Dataset data;
  for (tg::index_t i = 0; i < records; ++i) {
    data.labels.push_back(static_cast<std::uint8_t>((i + file) % 10));
    for (tg::index_t p = 0; p < tg::cifar_pixels; ++p)
      data.images.push_back(static_cast<std::uint8_t>(31 * file + 7 * i + 3 * p + p / 1024));
  }
  return data;
}

std::string file_name(int file) {
  return file < 5 ? "data_batch_" + std::to_string(file + 1) + ".bin" : "test_batch.bin";
}

void write_set(const fs::path& folder, tg::index_t records) {
  for (int file = 0; file < 6; ++file)
    tg::write_cifar_file(folder / file_name(file), make_records(file, records));
}

std::string error_of(const fs::path& folder, tg::index_t records) {
  try {
    tg::read_cifar10(folder, records);
  } catch (const tg::Error& error) {
    return error.what();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << text << "' lacks '" << part << "'");
  return found;
}

}  // namespace

TEST_CASE("read_cifar10 returns the five training files in order and the test file") {
  Folder folder;
  write_set(folder.path, 3);
  const auto data = tg::read_cifar10(folder.path, 3);
  CHECK(data.train.count() == 15);
  CHECK(data.test.count() == 3);
  for (int file = 0; file < 6; ++file) {
    const auto expected = make_records(file, 3);
    const auto& part = file < 5 ? data.train : data.test;
    for (tg::index_t i = 0; i < 3; ++i) {
      const tg::index_t at = file < 5 ? 3 * file + i : i;
      CHECK(part.labels[static_cast<std::size_t>(at)] ==
            expected.labels[static_cast<std::size_t>(i)]);
      const auto got = part.image(at), want = expected.image(i);
      CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end()));
    }
  }
}

TEST_CASE("read_cifar10 looks into the folder that the archive unpacks to") {
  Folder folder;
  fs::create_directory(folder.path / "cifar-10-batches-bin");
  write_set(folder.path / "cifar-10-batches-bin", 2);
  CHECK(tg::read_cifar10(folder.path, 2).train.count() == 10);
}

TEST_CASE("read_cifar10 says which directory or files are missing") {
  Folder folder;
  CHECK(has(error_of(folder.path / "nowhere", 2), "nowhere: No such file or directory"));
  CHECK(has(error_of(folder.path, 2), "lacks data_batch_1.bin data_batch_2.bin"));
  write_set(folder.path, 2);
  fs::remove(folder.path / "data_batch_4.bin");
  fs::remove(folder.path / "test_batch.bin");
  const auto text = error_of(folder.path, 2);
  CHECK(has(text, folder.path.string() + " lacks data_batch_4.bin test_batch.bin;"));
  CHECK(has(text, "binary version"));
  CHECK(has(error_of(folder.path / "data_batch_1.bin", 2), "is not a directory"));
}

TEST_CASE("read_cifar10 refuses a directory in place of a file") {
  Folder folder;
  write_set(folder.path, 2);
  fs::remove(folder.path / "data_batch_3.bin");
  fs::create_directory(folder.path / "data_batch_3.bin");
  CHECK(has(error_of(folder.path, 2), "data_batch_3.bin is a directory, expected a file of 6146"));
}

TEST_CASE("read_cifar10 counts the whole records of a file of the wrong size") {
  Folder folder;
  write_set(folder.path, 3);
  fs::resize_file(folder.path / "data_batch_2.bin", 2 * 3073 + 100);
  auto text = error_of(folder.path, 3);
  CHECK(has(text, "data_batch_2.bin has 6246 bytes, expected 9219 (3 records of 3073)"));
  CHECK(has(text, "2 whole records and 100 bytes; a truncated download?"));
  fs::resize_file(folder.path / "data_batch_2.bin", 3 * 3074);
  CHECK(has(error_of(folder.path, 3), "3 whole records and 3 bytes; another format?"));
  write_set(folder.path, 3);
  CHECK(has(error_of(folder.path, tg::cifar_batch), "expected 30730000 (10000 records of 3073)"));
  fs::resize_file(folder.path / "data_batch_1.bin", 0);
  CHECK(has(error_of(folder.path, 3), "data_batch_1.bin has 0 bytes"));
}

TEST_CASE("read_cifar10 names record and byte of a label that does not exist") {
  Folder folder;
  write_set(folder.path, 3);
  std::fstream file(folder.path / "data_batch_5.bin",
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(2 * 3073);
  file.put(static_cast<char>(200));
  file.close();
  CHECK(has(error_of(folder.path, 3),
            "data_batch_5.bin: record 2 at byte 6146 has label 200, expected 0 to 9"));
}

TEST_CASE("a file that ends before its size is reported with the byte") {
  Folder folder;
  write_set(folder.path, 1);
  std::string text;
  try {
    tg::detail::read_bytes(folder.path / "test_batch.bin", 4000);
  } catch (const tg::Error& error) {
    text = error.what();
  }
  CHECK(has(text, "test_batch.bin: reading stopped at byte 3073 of 4000: the file ends there"));
}

TEST_CASE("read_cifar10 passes on the system's reason why a file cannot be opened") {
  Folder folder;
  write_set(folder.path, 1);
  fs::remove(folder.path / "test_batch.bin");
  fs::create_symlink("test_batch.bin", folder.path / "test_batch.bin");
  CHECK(has(error_of(folder.path, 1), "test_batch.bin: Too many levels of symbolic links"));
  if (geteuid() == 0) return;  // root may read everything
  fs::permissions(folder.path / "data_batch_1.bin", fs::perms::none);
  CHECK(has(error_of(folder.path, 1), "data_batch_1.bin: Permission denied"));
}

TEST_CASE("write_cifar_file reports a file that it cannot write") {
  Folder folder;
  CHECK_THROWS_AS(tg::write_cifar_file(folder.path / "no" / "file.bin", make_records(0, 1)),
                  tg::Error);
}

}  // namespace cifar10_test
