// SPDX-License-Identifier: MIT
#include "ptx/fatbin.h"

#include <doctest/doctest.h>

#include <cstring>

#include "machine/types.h"

using namespace vgpu;

namespace {

struct Image {
  std::string bytes = std::string(16, '\0');

  template <class T> void put(std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  void entry(u16 kind, std::string text, u64 claimed = 0) {
    const std::size_t at = bytes.size();
    bytes += std::string(64, '\0');
    text.resize(round_up(text.size(), 8));
    put<u16>(at, kind);
    put<u32>(at + 4, 64);
    put<u64>(at + 8, claimed != 0 ? claimed : text.size());
    bytes += text;
  }
  std::vector<std::string_view> read(std::string &why_not) {
    put<u32>(0, 0xba55ed50);
    put<u16>(6, 16);
    put<u64>(8, bytes.size() - 16);
    struct {
      u32 magic = 0x466243b1, version = 1;
      const void *data;
      const void *file = nullptr;
    } wrapper;
    wrapper.data = bytes.data();
    return ptx_of(&wrapper, why_not);
  }
};

}  // namespace

TEST_CASE("plain PTX is found among other entries") {
  Image image;
  image.entry(2, "machine code");
  image.entry(1, std::string("//\n.version 9.0\n\0\0", 18));
  image.entry(1, "\x28\xb5\x2f compressed");
  std::string why_not;
  const auto found = image.read(why_not);
  REQUIRE(found.size() == 1);
  CHECK(found[0] == "//\n.version 9.0\n");
  CHECK(why_not.empty());
}

TEST_CASE("what is found instead of plain PTX") {
  std::string why_not;
  Image machine;
  machine.entry(2, "code");
  CHECK(machine.read(why_not).empty());
  CHECK(why_not == "it holds machine code only");
  Image compressed;
  compressed.entry(1, "xyz");
  CHECK(compressed.read(why_not).empty());
  CHECK(why_not == "its PTX is compressed");
  Image empty;
  CHECK(empty.read(why_not).empty());
  CHECK(why_not == "it is empty");
  Image damaged;
  damaged.entry(1, ".version 9.0", ~u64{0} - 40);
  CHECK(damaged.read(why_not).empty());
  CHECK(why_not == "its entry at byte 16 is damaged");
  const u32 other[8] = {1};
  CHECK(ptx_of(other, why_not).empty());
  CHECK(why_not == "unknown format");
}
