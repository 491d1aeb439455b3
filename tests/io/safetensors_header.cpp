// SPDX-License-Identifier: MIT
// Headers of safetensors files: what is malformed is refused with its place and its reason.
#include "thrustgrad/io/safetensors_header.h"

#include <doctest/doctest.h>

#include <random>

#include "temporary_directory.h"

namespace safetensors_header_test {

namespace tg = thrustgrad;

namespace {

std::string error_of(std::string_view header, tg::index_t data_size) {
  return message_of([&] { tg::parse_safetensors_header("file", header, data_size); });
}

struct Malformed {
  std::string header;
  tg::index_t data_size;
  std::string message;
};

// A header with one tensor "a", and one with its description given.
std::string with(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}}";
}
std::string sized(const std::string& shape) { return with("\"F32\"", shape, "[0,8]"); }
std::string placed(const std::string& offsets) { return with("\"F32\"", "[2]", offsets); }
std::string entry(const std::string& name, int begin, int end) {
  return "\"" + name + "\":{\"dtype\":\"U8\",\"shape\":[" + std::to_string(end - begin) +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

const std::vector<Malformed> malformed = {
    // Not JSON, or not the subset.
    {"", 0, "at byte 8: the header does not start with '{'"},
    {" {}", 0, "at byte 8: the header does not start with '{'"},
    {"[]", 0, "at byte 8: the header does not start with '{'"},
    {"null", 0, "at byte 8: the header does not start with '{'"},
    {"\xef\xbb\xbf{}", 0, "at byte 8: the header does not start with '{'"},
    {"{", 0, "at byte 9: expected a key in quotes, found the end of the header"},
    {"{}{}", 0, "at byte 10: expected the end of the header, found {"},
    {"{} garbage", 0, "at byte 11: expected the end of the header, found garbage"},
    {std::string("{}\0", 3), 0, "at byte 10: expected the end of the header, found byte 0"},
    {"{'a':1}", 0, "at byte 9: expected a key in quotes, found 'a'"},
    {"{a:1}", 0, "at byte 9: expected a key in quotes, found a"},
    {"{/* c */}", 0, "at byte 9: expected a key in quotes, found /*"},
    {"{" + entry("a", 0, 1) + ",}", 1, "expected a key in quotes, found }"},
    {"{" + entry("a", 0, 1) + " " + entry("b", 1, 2) + "}", 2, "expected ',' or '}', found \"b\""},
    {"{\"a\"}", 0, "at byte 12: expected ':', found }"},
    {"{\"a", 0, "at byte 11: the string has no end"},
    {"{\"\xff\":1}", 0, "at byte 10: the text is not UTF-8"},
    {"{\"\xc0\xaf\":1}", 0, "at byte 10: the text is not UTF-8"},
    {"{\"\xed\xa0\x80\":1}", 0, "at byte 10: the text is not UTF-8"},
    {"{\"a\nb\":1}", 0, "at byte 11: a control character in a string"},
    {"{\"a\\u0000\":1}", 0, "at byte 9: a key has a control character"},
    {"{\"a\\n\":1}", 0, "at byte 9: a key has a control character"},
    {"{\"\\ud800\":1}", 0, "at byte 10: half of a surrogate pair"},
    {"{\"\\q\":1}", 0, "at byte 10: an unknown escape"},
    // Not the members that a tensor has.
    {"{\"a\":1}", 0,
     "at byte 13: tensor \"a\": expected an object with dtype, shape and data_offsets, found 1"},
    {"{\"a\":null}", 0,
     "tensor \"a\": expected an object with dtype, shape and data_offsets, found null"},
    {"{\"a\":[]}", 0,
     "tensor \"a\": expected an object with dtype, shape and data_offsets, found ["},
    {"{\"a\":" + std::string(100'000, '['), 0, "tensor \"a\": expected an object"},
    {"{\"a\":{}}", 0, "at byte 9: tensor \"a\": has no dtype"},
    {R"({"a":{"dtype":"F32","data_offsets":[0,0]}})", 0, "tensor \"a\": has no shape"},
    {R"({"a":{"dtype":"F32","shape":[0]}})", 0, "tensor \"a\": has no data_offsets"},
    {R"({"a":{"shape":[0],"data_offsets":[0,0]}})", 0, "tensor \"a\": has no dtype"},
    {R"({"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}})", 0,
     "at byte 28: tensor \"a\": key \"dtype\" twice"},
    {R"({"a":{"shape":[0],"shape":[0],"dtype":"F32","data_offsets":[0,0]}})", 0,
     "tensor \"a\": key \"shape\" twice"},
    {R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"device":"cpu"}})", 0,
     "tensor \"a\": expected dtype, shape or data_offsets, found key \"device\""},
    {R"({"a":{"Dtype":"F32","shape":[0],"data_offsets":[0,0]}})", 0, "found key \"Dtype\""},
    {R"({"a":{"dtype":{"x":{"y":{}}}}})", 0, "tensor \"a\": expected a dtype in quotes, found {"},
    // dtype
    {with("\"F33\"", "[2]", "[0,8]"), 8, "at byte 22: tensor \"a\": unknown dtype \"F33\""},
    {with("\"f32\"", "[2]", "[0,8]"), 8, "unknown dtype \"f32\""},
    {with("\"\"", "[2]", "[0,8]"), 8, "unknown dtype \"\""},
    {with("\"F4\"", "[2]", "[0,1]"), 1, "unknown dtype \"F4\""},
    {with("\"F32 \"", "[2]", "[0,8]"), 8, "unknown dtype \"F32 \""},
    {with("32", "[2]", "[0,8]"), 8, "expected a dtype in quotes, found 32"},
    {with("null", "[2]", "[0,8]"), 8, "expected a dtype in quotes, found null"},
    // shape
    {sized("2"), 8, "tensor \"a\": expected an array of sizes, found 2"},
    {sized("{}"), 8, "expected an array of sizes, found {"},
    {sized("[-2]"), 8, "expected a natural number in digits, found -2"},
    {sized("[2.0]"), 8, "expected a natural number in digits, found 2.0"},
    {sized("[2e0]"), 8, "expected a natural number in digits, found 2e0"},
    {sized("[02]"), 8, "expected a natural number in digits, found 02"},
    {sized("[\"2\"]"), 8, "expected a natural number in digits, found \"2\""},
    {sized("[[2]]"), 8, "expected a natural number in digits, found [2"},
    {sized("[null]"), 8, "expected a natural number in digits, found null"},
    {sized("[2,]"), 8, "expected a natural number in digits, found ]"},
    {sized("[2 1]"), 8, "expected ',' or ']', found 1"},
    {sized("[2"), 8, "expected a natural number in digits, found \"data_offsets\""},
    {sized("[9223372036854775808]"), 8, "the number does not fit into 63 bits"},
    {sized("[4294967296,4294967296]"), 8,
     "shape (4294967296, 4294967296) of F32 overflows 64 bits"},
    {sized("[0,4294967296,4294967296]"), 8, "of F32 overflows 64 bits"},
    {sized("[2305843009213693952]"), 8, "of F32 overflows 64 bits"},
    {sized("[1,1,1,1,1,1,1,1,2]"), 8, "more than 8 axes"},
    {sized("[3]"), 8, "shape (3) of F32 needs 12 bytes, data_offsets [0, 8] hold 8"},
    {sized("[]"), 8, "shape () of F32 needs 4 bytes, data_offsets [0, 8] hold 8"},
    {sized("[0]"), 8, "shape (0) of F32 needs 0 bytes, data_offsets [0, 8] hold 8"},
    {with("\"F64\"", "[2]", "[0,8]"), 8, "shape (2) of F64 needs 16 bytes"},
    // data_offsets
    {placed("8"), 8, "tensor \"a\": expected two offsets [begin, end], found 8"},
    {placed("[]"), 8, "expected a natural number in digits, found ]"},
    {placed("[0]"), 8, "expected two offsets [begin, end], found ]"},
    {placed("[0,8,8]"), 8, "expected two offsets [begin, end], found ,"},
    {placed("[-8,0]"), 8, "expected a natural number in digits, found -8"},
    {placed("[0,8.0]"), 8, "expected a natural number in digits, found 8.0"},
    {placed("[8,0]"), 8, "data_offsets [8, 0] end before they begin"},
    {placed("[0,18446744073709551615]"), 8, "the number does not fit into 63 bits"},
    {placed("[9223372036854775799,9223372036854775807]"), 8, "expected to begin at byte 0"},
    // The tensors together.
    {placed("[0,8]"), 7,
     "at byte 8: the tensors cover 8 bytes of data, the file has 7 (truncated)"},
    {placed("[0,8]"), 9, "the tensors cover 8 bytes of data, the file has 9 (bytes that belong"},
    {"{}", 1, "the tensors cover 0 bytes of data, the file has 1"},
    {placed("[4,12]"), 12,
     "at byte 9: tensor \"a\": expected to begin at byte 0 of the data, found 4 (hole)"},
    {"{" + entry("a", 0, 4) + "," + entry("b", 5, 8) + "}", 8,
     "tensor \"b\": expected to begin at byte 4 of the data, found 5 (hole)"},
    {"{" + entry("a", 0, 4) + "," + entry("b", 3, 8) + "}", 8,
     "tensor \"b\": expected to begin at byte 4 of the data, found 3 (overlap)"},
    {"{" + entry("a", 0, 8) + "," + entry("b", 0, 8) + "}", 8, "found 0 (overlap)"},
    {"{" + entry("a", 0, 8) + "," + entry("b", 2, 6) + "}", 8,
     "tensor \"b\": expected to begin at byte 8"},
    {"{" + entry("a", 0, 4) + "," + entry("a", 4, 8) + "}", 8, "key \"a\" twice"},
    {"{" + entry("a", 0, 4) + "," + entry("\\u0061", 4, 8) + "}", 8, "key \"a\" twice"},
    // Metadata
    {R"({"__metadata__":1})", 0, "__metadata__: expected an object of texts, found 1"},
    {R"({"__metadata__":null})", 0, "__metadata__: expected an object of texts, found null"},
    {R"({"__metadata__":{"a":1}})", 0, "__metadata__: expected a text in quotes, found 1"},
    {R"({"__metadata__":{"a":{}}})", 0, "__metadata__: expected a text in quotes, found {"},
    {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "at byte 33: __metadata__: key \"a\" twice"},
    {R"({"__metadata__":{"a\t":"1"}})", 0, "__metadata__: a key has a control character"},
    {R"({"__metadata__":{},"__metadata__":{}})", 0, "key \"__metadata__\" twice"},
};

}  // namespace

TEST_CASE("a malformed header is refused, with the place and the reason") {
  CHECK(malformed.size() >= 60);
  for (const Malformed& bad : malformed) {
    const std::string error = error_of(bad.header, bad.data_size);
    CAPTURE(bad.header.substr(0, 200));
    CAPTURE(error);
    CHECK(has(error, bad.message));
    CHECK(error.starts_with("safetensors: file: at byte "));
  }
}

TEST_CASE("a header is read: tensors in the order of their data, and metadata") {
  const std::string text =
      R"({ "b" : {"data_offsets":[8,14],"shape":[1,3],"dtype":"BF16"},
           "__metadata__":{"format":"pt","note":"two\nlines"},
           "\u00e9.\"w\"":{"dtype":"F64","shape":[],"data_offsets":[0,8]},
           "":{"dtype":"I64","shape":[0,7],"data_offsets":[14,14]} }    )";
  const tg::SafeTensorsHeader header = tg::parse_safetensors_header("file", text, 14);
  REQUIRE(header.tensors.size() == 3);
  CHECK(header.tensors[0].name == "\u00e9.\"w\"");
  CHECK(header.tensors[0].shape == tg::Shape{});
  CHECK(header.tensors[1].name == "b");
  CHECK(header.tensors[1].dtype == "BF16");
  CHECK(header.tensors[1].shape == tg::Shape{1, 3});
  CHECK(header.tensors[1].begin == 8);
  CHECK(header.tensors[1].end == 14);
  CHECK(header.tensors[1].position == 10);
  CHECK(header.tensors[2].shape == tg::Shape{0, 7});
  CHECK(header.metadata == tg::Metadata{{"format", "pt"}, {"note", "two\nlines"}});
}

TEST_CASE("a header without tensors and one with the highest rank are valid") {
  CHECK(tg::parse_safetensors_header("file", "{}", 0).tensors.empty());
  const auto header = tg::parse_safetensors_header("file", sized("[1,1,1,2,1,1,1,1]"), 8);
  CHECK(header.tensors[0].shape.rank() == 8);
}

TEST_CASE("every dtype of whole bytes has its size") {
  for (const auto& [name, size] : tg::detail::file_types) {
    const auto text =
        with("\"" + std::string(name) + "\"", "[3]", "[0," + std::to_string(3 * size) + "]");
    CHECK(tg::parse_safetensors_header("file", text, 3 * size).tensors[0].dtype == name);
  }
}

TEST_CASE("a header may have 100,000 tensors and no more") {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += entry(std::to_string(i), i, i + 1) + ",";
  text.back() = '}';
  CHECK(tg::parse_safetensors_header("file", text, 100'000).tensors.size() == 100'000);
  text.back() = ',';
  CHECK(has(error_of(text + entry("x", 100'000, 100'001) + "}", 100'001),
            "more than 100000 tensors"));
}

TEST_CASE("a long or strange name is cut short in messages") {
  const std::string error = error_of("{\"" + std::string(100'000, 'n') + "\":1}", 0);
  CHECK(error.size() < 300);
  CHECK(has(error, "nnn...\": expected an object"));
}

TEST_CASE("the text of a header is that of the reference implementation") {
  tg::SafeTensorsHeader header;
  header.tensors = {{"w\"\u00e9", "F32", {2, 3}, 0, 24, 0}, {"s", "BOOL", {}, 24, 25, 0}};
  CHECK(tg::safetensors_header_text(header) ==
        "{\"w\\\"\u00e9\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"s\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[24,25]}}    ");
  header.metadata = {{"format", "pt"}, {"a", "b"}};
  const std::string text = tg::safetensors_header_text(header);
  CHECK(text.starts_with("{\"__metadata__\":{\"a\":\"b\",\"format\":\"pt\"},\"w"));
  CHECK(text.size() % 8 == 0);
  CHECK(tg::safetensors_header_text({}) == "{}      ");
}

TEST_CASE("a header written and read is the same header") {
  tg::SafeTensorsHeader header;
  for (int i = 0; i < 40; ++i)  // many at one place, which must keep their order
    header.tensors.push_back({"empty " + std::to_string(i * 7 % 40), "U8", {0}, 0, 0, 0});
  header.tensors.push_back({"\U0001f600/\\", "I16", {1, 2}, 0, 4, 0});
  header.metadata = {{"k", "\x01\"\\\n\t"}};
  const std::string text = tg::safetensors_header_text(header);
  CHECK(tg::safetensors_header_text(tg::parse_safetensors_header("file", text, 4)) == text);
}

TEST_CASE("any damage to a header is an error or leaves a header whose tensors cover the data") {
  const std::string valid = "{\"__metadata__\":{\"k\":\"v\\u00e9\"}," + entry("a", 0, 12) + "," +
                            R"("b":{"dtype":"F32","shape":[1,2,3],"data_offsets":[12,36]}})";
  const std::string_view alphabet = "{}[]\":,0123456789-.eE \\u/abFtn\xc3\xa9\xff\x01";
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return std::size_t{random()} % n; };
  int accepted = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    std::string text = valid;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      const char c = alphabet[below(alphabet.size())];
      const std::size_t kind = below(4);
      if (kind == 0) text[at] = c;
      if (kind == 1) text.insert(at, 1, c);
      if (kind == 2) text.erase(at, 1 + below(4));
      if (kind == 3) text += text.substr(at, below(40));
    }
    try {
      tg::index_t covered = 0;
      for (const auto& info : tg::parse_safetensors_header("file", text, 36).tensors) {
        REQUIRE(info.begin == covered);
        covered = info.end;
      }
      REQUIRE(covered == 36);
      ++accepted;
    } catch (const tg::Error&) {
    }
  }
  CHECK(accepted > 0);
  CHECK(accepted < 10'000);
}

}  // namespace safetensors_header_test
