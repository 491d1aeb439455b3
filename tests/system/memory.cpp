// SPDX-License-Identifier: MIT
// Memory of the device: blocks that are aligned and apart, copies in every direction, and what
// happens when there is no more.
#include "thrustgrad/system/system.h"

#include <cstring>

#include "system/arrays.h"

namespace {
namespace memory_test {

using namespace primitives;

TEST_CASE("blocks of memory are aligned and apart, and keep what is copied to them") {
  std::vector<std::byte> written[2], read;
  void* blocks[2];
  for (std::size_t bytes : {1u, 63u, 64u, 100u, 4097u, 3u << 20}) {
    for (int i = 0; i < 2; ++i) {
      blocks[i] = device::allocate(bytes);
      CHECK(blocks[i] != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(blocks[i]) % 64 == 0);
      written[i].resize(bytes);
      for (std::size_t at = 0; at < bytes; ++at)
        written[i][at] = static_cast<std::byte>(at * 7 + static_cast<std::size_t>(i));
      device::copy(blocks[i], written[i].data(), bytes);
    }
    read.assign(bytes, std::byte{});
    device::copy(read.data(), blocks[0], bytes);
    CHECK(read == written[0]);
    device::copy(blocks[0], blocks[1], bytes);
    device::copy(read.data(), blocks[0], bytes);
    CHECK(read == written[1]);
    for (void* block : blocks) device::deallocate(block);
  }
}

TEST_CASE("a copy of a part leaves the rest alone; one of nothing is allowed") {
  Array<std::uint8_t> x({1, 2, 3, 4, 5, 6});
  const std::uint8_t other[] = {9, 8};
  device::copy(x.data() + 3, other, 2);
  device::copy(nullptr, nullptr, 0);
  CHECK(x.now() == std::vector<std::uint8_t>{1, 2, 3, 9, 8, 6});
}

TEST_CASE("memory that does not exist is not given out, and then all is as before") {
  CHECK(device::free_bytes() > 0);
  CHECK(device::allocate(std::size_t{1} << 60) == nullptr);
  device::synchronize();
  device::trim();
  void* const block = device::allocate(100);
  CHECK(block != nullptr);
  device::deallocate(block);
}

}  // namespace memory_test
}  // namespace
