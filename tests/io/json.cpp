// SPDX-License-Identifier: MIT
// The JSON reader accepts exactly its subset, and says where anything else begins.
#include "thrustgrad/io/json.h"

#include <doctest/doctest.h>

#include "temporary_directory.h"

namespace json_test {

using thrustgrad::detail::JsonReader;

namespace {

JsonReader reader(std::string_view text) { return JsonReader(text, "json: file", 0); }

std::string string_of(std::string_view text) { return reader(text).string("a text"); }
std::string string_error(std::string_view text) {
  return message_of([&] { string_of(text); });
}
std::string natural_error(std::string_view text) {
  return message_of([&] { reader(text).natural(); });
}

// The code point's UTF-8 bytes by the definition, for comparison.
std::string encoded(std::uint32_t code) {
  std::string text;
  thrustgrad::detail::append_utf8(text, code);
  return text;
}

}  // namespace

TEST_CASE("a string is read with its escapes") {
  CHECK(string_of(R"("")") == "");
  CHECK(string_of(R"(  "plain")") == "plain");
  CHECK(string_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(string_of(R"("\u0041\u00e9\u20AC\uD83D\uDE00")") == "A\u00e9\u20ac\U0001f600");
  CHECK(string_of("\"\u00e9\u20ac\U0001f600\x7f\"") == "\u00e9\u20ac\U0001f600\x7f");
  CHECK(string_of(R"("a\u0000b")") == std::string("a\0b", 3));
}

TEST_CASE("a string that is not one is an error at its byte") {
  CHECK(string_error("x") == "json: file: at byte 0: expected a text, found x");
  CHECK(string_error("\"abc") == "json: file: at byte 4: the string has no end");
  CHECK(string_error("") == "json: file: at byte 0: expected a text, found the end of the header");
  CHECK(has(string_error("\"a\nb\""), "at byte 2: a control character in a string"));
  CHECK(has(string_error(R"("a\x41")"), "at byte 2: an unknown escape"));
  CHECK(has(string_error("\"a\\"), "at byte 2: an unknown escape"));
  CHECK(has(string_error(R"("\u12g4")"), "at byte 1: an escape \\u needs four hexadecimal digits"));
  CHECK(has(string_error(R"("\u12)"), "at byte 1: an escape \\u needs four hexadecimal digits"));
  CHECK(has(string_error(R"("\ud800")"), "at byte 1: half of a surrogate pair"));
  CHECK(has(string_error(R"("\ud800\u0041")"), "at byte 1: half of a surrogate pair"));
  CHECK(has(string_error(R"("\ude00")"), "at byte 1: half of a surrogate pair"));
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf",
                          "\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xff", "\xc3(", "\xe2\x82(", "\xf0\x9f\x98("}) {
    CAPTURE(bad);
    CHECK(has(string_error("\"a" + std::string(bad) + "\""), "at byte 2: the text is not UTF-8"));
  }
}

TEST_CASE("every code point is valid UTF-8 once encoded, surrogates excepted") {
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x110000; ++code) {
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    const std::string text = encoded(code);
    wrong += (thrustgrad::detail::utf8_length(text) == text.size()) == surrogate;
  }
  CHECK(wrong == 0);
  CHECK(encoded(0x7ff).size() == 2);
  CHECK(encoded(0xffff).size() == 3);
  CHECK(encoded(0x10ffff) == "\xf4\x8f\xbf\xbf");
}

TEST_CASE("a number is natural and written in digits") {
  CHECK(reader("0").natural() == 0);
  CHECK(reader(" 42]").natural() == 42);
  CHECK(reader("9223372036854775807").natural() == 9223372036854775807);
  CHECK(
      has(natural_error("9223372036854775808"), "at byte 0: the number does not fit into 63 bits"));
  CHECK(has(natural_error("99999999999999999999"), "does not fit into 63 bits"));
  for (const char* bad : {"-1", "+1", "01", "00", "1.0", "1e3", "1E3", ".5", "true", "null",
                          "\"1\"", "[1]", "0x10", "NaN", "Infinity", ""}) {
    CAPTURE(bad);
    auto json = reader(bad);
    CHECK(has(message_of([&] {
                json.natural();
                json.end();
              }),
              "at byte "));
  }
  CHECK(natural_error("-1") ==
        "json: file: at byte 0: expected a natural number in digits, found -1");
}

TEST_CASE("objects and sequences stop at the first byte that is wrong") {
  const auto keys = [](std::string_view text) {
    std::string found;
    auto json = reader(text);
    json.object("an object", [&](const std::string& key, thrustgrad::index_t) {
      found += key + std::to_string(json.natural());
    });
    json.end();
    return found;
  };
  CHECK(keys("{}") == "");
  CHECK(keys(" { \"a\" : 1 ,\t\"b\"\r:\n2 } ") == "a1b2");
  const auto error = [&](std::string_view text) { return message_of([&] { keys(text); }); };
  CHECK(has(error("[]"), "at byte 0: expected an object, found ["));
  CHECK(has(error("{\"a\":1,}"), "at byte 7: expected a key in quotes, found }"));
  CHECK(has(error("{,}"), "at byte 1: expected a key in quotes, found ,"));
  CHECK(has(error("{\"a\" 1}"), "at byte 5: expected ':', found 1"));
  CHECK(has(error("{\"a\":1 \"b\":2}"), "at byte 7: expected ',' or '}', found \"b\""));
  CHECK(has(error("{\"a\":1"), "at byte 6: expected ',' or '}', found the end of the header"));
  CHECK(has(error("{a:1}"), "at byte 1: expected a key in quotes, found a"));
  CHECK(has(error("{} x"), "at byte 3: expected the end of the header, found x"));
  CHECK(has(error("{}\xff"), "at byte 2: expected the end of the header, found byte 255"));
  CHECK(has(error("{}\v"), "at byte 2: expected the end of the header, found byte 11"));
  CHECK(has(error(R"({"a\u0007":1})"), "at byte 1: a key has a control character"));
}

TEST_CASE("nesting of any depth is refused without recursion") {
  const std::string deep(10'000'000, '[');
  CHECK(has(natural_error(deep), "at byte 0: expected a natural number in digits, found [[["));
}

TEST_CASE("the subject of a message stands before what is wrong") {
  auto json = reader("x");
  json.set_subject("tensor \"a\": ");
  CHECK(message_of([&] { json.natural(); }) ==
        "json: file: at byte 0: tensor \"a\": expected a natural number in digits, found x");
}

TEST_CASE("a quoted text is read back") {
  std::string text = "\u00e9\U0001f600\"\\/";
  for (char c = 0; c < 0x20; ++c) text += c;
  CHECK(string_of(thrustgrad::detail::json_quote(text)) == text);
  CHECK(thrustgrad::detail::json_quote("a\"b\\c\n\x01\x1f") == R"("a\"b\\c\n\u0001\u001f")");
}

TEST_CASE("an excerpt is short, printable and whole characters") {
  using thrustgrad::detail::excerpt;
  CHECK(excerpt("name") == "name");
  CHECK(excerpt("abcdef", 4) == "abcd...");
  CHECK(excerpt("abc\u00e9", 4) == "abc...");
  CHECK(excerpt("ab\ncd") == "ab...");
  CHECK(excerpt("ab\xff") == "ab...");
}

}  // namespace json_test
