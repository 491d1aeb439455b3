// SPDX-License-Identifier: MIT
// Tensors in files: what is written is read back bit for bit, and damage is found.
#include "thrustgrad/io/safetensors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <limits>

#include "temporary_directory.h"

namespace safetensors_test {

namespace tg = thrustgrad;

namespace {

const std::string reference_file =
    (std::filesystem::path(__FILE__).parent_path().parent_path() / "data/reference.safetensors")
        .string();

std::string read_error(const std::string& path) {
  return message_of([&] { tg::read_safetensors(path); });
}

// A file of the given header length, header and data, which need not fit together.
std::string file_of(std::uint64_t length, std::string_view header, std::string_view data) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes.append(header).append(data);
}

template <class T> std::string bytes_of(const std::vector<T>& elements) {
  return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)};
}

template <class T> void check_round_trip(const std::vector<T>& elements, std::string_view dtype) {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  const auto n = static_cast<tg::index_t>(elements.size());
  const auto x = tg::from_host(elements, {n});
  const auto square = tg::from_host(elements, {1, n, 1});
  const auto one = tg::scalar<T>(elements[0]);
  const auto none = tg::empty<T>({3, 0, 2});
  tg::write_safetensors(path, {{"x", x}, {"square", square}, {"one", one}, {"none", none}});
  const tg::SafeTensors file = tg::read_safetensors(path);
  CHECK(file.names().size() == 4);
  CHECK(file.info("x").dtype == dtype);
  CHECK(file.get<T>("x").shape == tg::Shape{n});
  CHECK(file.get<T>("square").shape == tg::Shape{1, n, 1});
  CHECK(file.get<T>("one").shape == tg::Shape{});
  CHECK(file.get<T>("none").shape == tg::Shape{3, 0, 2});
  CHECK(file.get<T>("none").defined());
  // Bits, not values: NaN is not equal to itself and -0 equals 0.
  CHECK(tg::detail::download(file.get<T>("x")) == tg::detail::download(x));
  CHECK(tg::detail::download(file.get<T>("square")) == tg::detail::download(x));
  CHECK(tg::detail::download(file.get<T>("one")) == file.bytes("x").substr(0, sizeof(T)));
}

template <class T> std::vector<T> rounded(std::initializer_list<float> values) {
  std::vector<T> result;
  for (float value : values) result.push_back(T(value));
  return result;
}

tg::NamedTensor bytes_tensor(const std::string& name, const std::vector<std::uint8_t>& bytes) {
  return {name, tg::from_host(bytes, {static_cast<tg::index_t>(bytes.size())})};
}

// A small file with two tensors, in which every part of the format occurs.
std::string small_file(const TemporaryDirectory& directory) {
  const std::string path = directory / "small";
  tg::write_safetensors(path,
                        {{"weight", tg::from_host<float>({1, -2, 3, 0.5f, 5, 6}, {2, 3})},
                         {"on", tg::from_host<bool>({true, false}, {2})}},
                        {{"note", "n"}});
  return path;
}

}  // namespace

TEST_CASE("tensors of every element type come back bit for bit") {
  const auto specials = {1.5f, -0.0f, std::numeric_limits<float>::infinity(), 1e-40f,
                         std::numeric_limits<float>::quiet_NaN()};
  check_round_trip<float>(specials, "F32");
  check_round_trip<double>({0.1, -0.0, 5e-324, std::numeric_limits<double>::quiet_NaN()}, "F64");
  check_round_trip(rounded<tg::bf16>(specials), "BF16");
  check_round_trip(rounded<tg::half>(specials), "F16");
  check_round_trip<std::int32_t>({-1, 0, std::numeric_limits<std::int32_t>::min()}, "I32");
  check_round_trip<std::int64_t>({-1, 0, std::numeric_limits<std::int64_t>::max()}, "I64");
  check_round_trip<std::uint8_t>({0, 127, 128, 255}, "U8");
  check_round_trip<bool>({true, false, true}, "BOOL");
}

TEST_CASE("a tensor of any strides is written in row-major order") {
  const TemporaryDirectory directory;
  tg::Tensor<float> x = tg::from_host<float>({0, 1, 2, 3, 4, 5}, {2, 3});
  std::swap(x.shape[0], x.shape[1]);
  std::swap(x.strides[0], x.strides[1]);
  tg::write_safetensors(directory / "file", {{"x", x}});
  const auto y = tg::read_safetensors(directory / "file").get<float>("x");
  CHECK(y.shape == tg::Shape{3, 2});
  CHECK(tg::to_host(y) == std::vector<float>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("names and metadata may be any text") {
  const TemporaryDirectory directory;
  const std::string name = "\u00e9.\"quoted\"\\/\U0001f600 ", text = "line\n\ttab \x01 \u00e9 \"";
  tg::write_safetensors(directory / "file", {bytes_tensor(name, {1, 2}), bytes_tensor("", {3})},
                        {{"k\u00e9y", text}, {"empty", ""}});
  const tg::SafeTensors file = tg::read_safetensors(directory / "file");
  CHECK(tg::to_host(file.get<std::uint8_t>(name)) == std::vector<std::uint8_t>{1, 2});
  CHECK(tg::to_host(file.get<std::uint8_t>("")) == std::vector<std::uint8_t>{3});
  CHECK(file.metadata().at("k\u00e9y") == text);
  CHECK(file.metadata().at("empty") == "");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.metadata().at("crc32").size() == 8);
}

TEST_CASE("a file may have no tensors") {
  const TemporaryDirectory directory;
  tg::write_safetensors(directory / "file", {});
  CHECK(tg::read_safetensors(directory / "file").names().empty());
  write_plainly(directory / "least", file_of(2, "{}", ""));
  CHECK(tg::read_safetensors(directory / "least").names().empty());
}

TEST_CASE("the same tensors in any order give the same bytes, each aligned to its elements") {
  const TemporaryDirectory directory;
  const auto f = tg::from_host<float>({1, 2, 3}, {3});
  const auto d = tg::from_host<double>({1}, {1});
  const auto b = tg::from_host<bool>({true}, {1});
  tg::write_safetensors(directory / "a", {{"z", b}, {"b", f}, {"a", f}, {"y", d}}, {{"k", "v"}});
  tg::write_safetensors(directory / "b", {{"a", f}, {"b", f}, {"y", d}, {"z", b}}, {{"k", "v"}});
  const std::string bytes = read_plainly(directory / "a");
  CHECK(bytes == read_plainly(directory / "b"));
  CHECK((bytes.size() - 33) % 8 == 0);  // 33 bytes of data behind a header that is padded
  const tg::SafeTensors file = tg::read_safetensors(directory / "a");
  CHECK(file.names() == std::vector<std::string>{"y", "a", "b", "z"});
  CHECK(file.info("a").begin == 8);
}

TEST_CASE("a file read and written with its metadata is the same file") {
  const TemporaryDirectory directory;
  const std::string path = small_file(directory);
  const tg::SafeTensors file = tg::read_safetensors(path);
  tg::write_safetensors(directory / "again",
                        {{"weight", file.get<float>("weight")}, {"on", file.get<bool>("on")}},
                        file.metadata());
  CHECK(read_plainly(directory / "again") == read_plainly(path));
}

TEST_CASE("a file of the reference implementation is read") {
  const tg::SafeTensors file = tg::read_safetensors(reference_file);
  CHECK(file.metadata() == tg::Metadata{{"format", "pt"}});
  CHECK(file.names().size() == 12);
  const auto weight = file.get<float>("conv.weight");
  CHECK(weight.shape == tg::Shape{2, 3, 2, 4});
  CHECK(tg::to_host(weight)[47] == 1213.0f);  // k = 1, c = 2, r = 1, s = 3
  CHECK(tg::to_host(file.get<float>("conv.bias")) == std::vector<float>{0.5f, -2});
  CHECK(tg::to_host(file.get<tg::bf16>("norm.weight")) == rounded<tg::bf16>({1, -0.5f, 3}));
  CHECK(tg::to_host(file.get<double>("norm.running_mean")) ==
        std::vector<double>{0.25, std::numeric_limits<double>::infinity()});
  CHECK(file.get<std::int64_t>("norm.num_batches_tracked").item() == 7);
  CHECK(tg::to_host(file.get<tg::half>("half")) == rounded<tg::half>({1.5f, -65504}));
  CHECK(tg::to_host(file.get<std::int32_t>("indices")) ==
        std::vector<std::int32_t>{-1, 2147483647});
  CHECK(tg::to_host(file.get<std::uint8_t>("bytes"))[5] == 255);
  CHECK(tg::to_host(file.get<bool>("mask")) == std::vector<bool>{true, false, true});
  CHECK(file.get<float>("empty").shape == tg::Shape{0, 3});
  CHECK(file.bytes("\u00e9 \"q\" \\ /") == std::string("\0\0\0\x80", 4));
  CHECK(file.bytes("other") == bytes_of<std::int16_t>({-3, 4}));  // a dtype the library has not
}

TEST_CASE("our header of the reference file is the reference header") {
  const std::string bytes = read_plainly(reference_file);
  const auto length =
      static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]);
  const std::string header = bytes.substr(8, length);
  const auto data_size = static_cast<tg::index_t>(bytes.size() - 8 - length);
  const auto parsed = tg::parse_safetensors_header(reference_file, header, data_size);
  CHECK(tg::safetensors_header_text(parsed) == header);
}

TEST_CASE("a tensor that is missing or of another type says so") {
  const TemporaryDirectory directory;
  const std::string path = small_file(directory), start = "safetensors: " + path + ": ";
  const tg::SafeTensors file = tg::read_safetensors(path);
  CHECK(file.contains("on"));
  CHECK_FALSE(file.contains("off"));
  CHECK(message_of([&] { file.get<float>("off"); }) ==
        start + "tensor \"off\": the file has no such tensor");
  CHECK(message_of([&] { file.get<double>("weight"); }) ==
        start + "tensor \"weight\": expected dtype F64, found F32");
}

TEST_CASE("a bool that is neither 0 nor 1 is an error") {
  const TemporaryDirectory directory;
  const std::string header = R"({"m":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})";
  write_plainly(directory / "file", file_of(header.size(), header, std::string("\1\0\2", 3)));
  const tg::SafeTensors file = tg::read_safetensors(directory / "file");
  CHECK(has(message_of([&] { file.get<bool>("m"); }),
            "tensor \"m\": element 2 of a BOOL tensor is neither 0 nor 1"));
}

TEST_CASE("a header length that lies is refused before memory is taken") {
  const TemporaryDirectory directory;
  const std::string path = directory / "file", valid = "{}", garbage(100, 'x');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "expected 8 bytes of header length, the file has 0"},
      {"1234567", "expected 8 bytes of header length, the file has 7"},
      {file_of(0, "", ""), "at byte 8: the header does not start with '{'"},
      {file_of(0, valid, ""), "at byte 8: the header does not start with '{'"},
      {file_of(1, valid, ""), "at byte 9: expected a key in quotes, found the end of the header"},
      {file_of(3, valid, ""), "at byte 0: a header of 3 bytes; only 2 follow in the file"},
      {file_of(100'000'000, valid, ""), "a header of 100000000 bytes; only 2 follow in the file"},
      {file_of(100'000'001, valid, ""), "a header of 100000001 bytes; at most 100000000"},
      {file_of(~std::uint64_t{0}, valid, ""), "a header of 18446744073709551615 bytes; at most"},
      {file_of(std::uint64_t{1} << 63, valid, ""),
       "a header of 9223372036854775808 bytes; at most"},
      {file_of(2, valid, "x"), "the tensors cover 0 bytes of data, the file has 1"},
      {file_of(garbage.size(), garbage, ""), "at byte 8: the header does not start with '{'"},
      {file_of(3, "{}\n", ""), ""}};
  for (const auto& file : cases) {
    write_plainly(path, file.first);
    const std::string& message = file.second;
    CAPTURE(message);
    CHECK(has(read_error(path), message));
    CHECK(read_error(path).empty() == message.empty());
  }
}

TEST_CASE("a missing file and a directory are errors with the path") {
  const TemporaryDirectory directory;
  CHECK(has(read_error(directory / "none"), directory / "none: cannot open: No such file"));
  CHECK(has(read_error(directory.path), directory.path + ": is a directory"));
}

TEST_CASE("every truncation of a file and every byte more is refused") {
  const TemporaryDirectory directory;
  const std::string bytes = read_plainly(small_file(directory)), path = directory / "cut";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write_plainly(path, bytes.substr(0, size));
    CAPTURE(size);
    CHECK(has(read_error(path), "safetensors: "));
  }
  write_plainly(path, bytes + '\0');
  CHECK(has(read_error(path), "(bytes that belong to no tensor)"));
}

TEST_CASE("every flipped bit is found, or changes nothing but a key of the metadata") {
  const TemporaryDirectory directory;
  const std::string bytes = read_plainly(small_file(directory)), path = directory / "flipped";
  const std::size_t key = bytes.find("\"crc32\"") + 1;
  int accepted = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_plainly(path, flipped);
    if (has(read_error(path), "safetensors: ")) continue;
    // Without its name the checksum is metadata like any other; white space means nothing.
    const tg::SafeTensors file = tg::read_safetensors(path);
    CAPTURE(bit / 8);
    CHECK((bit / 8 - key < 5 || bytes[bit / 8] == ' '));
    CHECK(file.names() == std::vector<std::string>{"weight", "on"});
    CHECK(tg::to_host(file.get<float>("weight")) == std::vector<float>{1, -2, 3, 0.5f, 5, 6});
    CHECK(tg::to_host(file.get<bool>("on")) == std::vector<bool>{true, false});
    ++accepted;
  }
  CHECK(accepted > 0);
}

TEST_CASE("a checksum that does not fit names both") {
  const TemporaryDirectory directory;
  const std::string path = small_file(directory);
  std::string bytes = read_plainly(path);
  bytes.back() ^= 1;
  write_plainly(path, bytes);
  CHECK(has(read_error(path), path + ": the checksum is "));
  CHECK(has(read_error(path), "the file is damaged"));
}

TEST_CASE("names that cannot be read back are not written") {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  const auto error = [&](const std::string& name, const tg::Metadata& metadata = {}) {
    return message_of([&] {
      tg::write_safetensors(path, {bytes_tensor("a", {1}), bytes_tensor(name, {2})}, metadata);
    });
  };
  CHECK(error("a") ==
        "write_safetensors: " + path + ": \"a\": the name of two tensors, or of the metadata");
  CHECK(has(error("__metadata__"), "\"__metadata__\": the name of two tensors"));
  CHECK(has(error("b\n"), "a name must be UTF-8 without control characters"));
  CHECK(has(error("b\xff"), "\"b...\": a name must be UTF-8"));
  CHECK(has(error("b", {{"k\x01", "v"}}), "a name must be UTF-8 without control characters"));
  CHECK(has(error("b", {{"k", "\xff"}}), "metadata \"k\" is not UTF-8"));
  CHECK(directory.names().empty());
}

TEST_CASE("a full disk leaves the old file and no other") {
  const TemporaryDirectory directory;
  const std::string path = small_file(directory), before = read_plainly(path);
  std::vector<tg::NamedTensor> tensors = {bytes_tensor("x", std::vector<std::uint8_t>(5000))};
  const pid_t child = start_child([&] {
    const struct rlimit limit { 1000, 1000 };
    std::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const std::string error = message_of([&] { tg::write_safetensors(path, tensors); });
    return has(error, path + ": cannot write: File too large") ? 0 : 2;
  });
  CHECK(wait_for(child) == 0);
  CHECK(read_plainly(path) == before);
  CHECK(directory.names() == std::vector<std::string>{"small"});
}

TEST_CASE("a process killed while saving leaves a valid file, the old one or the new") {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  const std::vector<tg::NamedTensor> old_tensors = {
      bytes_tensor("x", std::vector<std::uint8_t>(200'000, 1))};
  const std::vector<tg::NamedTensor> new_tensors = {
      bytes_tensor("x", std::vector<std::uint8_t>(300'000, 2))};
  tg::write_safetensors(path, old_tensors);
  const std::string old_bytes = read_plainly(path);
  tg::write_safetensors(path, new_tensors);
  const std::string new_bytes = read_plainly(path);
  for (int attempt = 0; attempt < 20; ++attempt) {
    const pid_t child = start_child([&]() -> int {
      while (true) {
        tg::write_safetensors(path, old_tensors);
        tg::write_safetensors(path, new_tensors);
      }
    });
    ::usleep(static_cast<useconds_t>(1000 + 1900 * attempt));
    ::kill(child, SIGKILL);
    CHECK(wait_for(child) == -SIGKILL);
    CHECK(read_error(path) == "");
    const std::string found = read_plainly(path);
    CHECK((found == old_bytes || found == new_bytes));
  }
}

}  // namespace safetensors_test
