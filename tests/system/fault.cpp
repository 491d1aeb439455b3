// SPDX-License-Identifier: MIT
// Positions that a loop finds outside their axis: one of them is reported, by the loop or by the
// next wait, and then forgotten.
#include "thrustgrad/system/system.h"

#include <set>

#include "system/arrays.h"

namespace {
namespace primitive_fault_test {

using namespace primitives;

template <class I> struct look_up_fn {
  device::FaultSink faults;
  const I *positions, *sizes;
  index_t* accepted;
  THRUSTGRAD_FN void operator()(index_t i) const {
    accepted[i] = faults.accepts(positions[i], sizes[i]) ? 1 : 0;
  }
};

/// The message of the loop, empty if there is none, and which elements it accepted.
std::pair<std::string, std::vector<index_t>> look_up(const std::vector<index_t>& positions,
                                                     const std::vector<index_t>& sizes) {
  Array<index_t> at(positions), in(sizes), accepted(std::ssize(positions));
  std::string message;
  try {
    device::for_each(
        std::ssize(positions),
        look_up_fn<index_t>{device::FaultSink("look_up"), at.data(), in.data(), accepted.data()});
    device::check_faults();
    device::synchronize();
  } catch (const tg::Error& error) {
    message = error.what();
  }
  return {message, accepted.now()};
}

std::string message_of(index_t position, index_t size) {
  return "look_up: position " + std::to_string(position) + " does not lie in an axis of size " +
         std::to_string(size);
}

TEST_CASE("positions within their axes are accepted") {
  const index_t far = index_t{1} << 40;
  const auto [message, accepted] = look_up({0, 3, 0, far}, {4, 4, 1, far + 1});
  CHECK(message.empty());
  CHECK(accepted == std::vector<index_t>{1, 1, 1, 1});
}

TEST_CASE("a position outside its axis is left out and reported, once") {
  const index_t far = index_t{1} << 40;
  for (const auto& [position, size] :
       {std::pair<index_t, index_t>{4, 4}, {-1, 4}, {0, 0}, {far + 5, far}, {-far, 7}, {far, 7}}) {
    const auto [message, accepted] = look_up({1, position, 2}, {2, size, 3});
    CHECK(message == message_of(position, size));
    CHECK(accepted == std::vector<index_t>{1, 0, 1});
    CHECK(look_up({1}, {2}).first.empty());
  }
}

TEST_CASE("a position outside its axis is reported by whichever thread finds it") {
  for (index_t wrong : {0, 255, 256, 511, 512, 767, 768, 899}) {
    std::vector<index_t> positions(900, 0), sizes(900, 4), expected(900, 1);
    const auto at = static_cast<std::size_t>(wrong);
    positions[at] = -1;
    sizes[at] = 10 + wrong;
    expected[at] = 0;
    const auto [message, accepted] = look_up(positions, sizes);
    CHECK(message == message_of(-1, 10 + wrong));
    CHECK(accepted == expected);
    positions[at] = sizes[at];
    CHECK(look_up(positions, sizes).first == message_of(sizes[at], sizes[at]));
  }
}

TEST_CASE("of many positions outside their axes one is reported, with its own size") {
  std::vector<index_t> positions, sizes;
  std::set<std::string> messages;
  for (index_t i = 0; i < 900; ++i) {
    positions.push_back(1000 + i);
    sizes.push_back(i % 3 == 0 ? 5000 + i : 300 + i);
    if (i % 3 != 0) messages.insert(message_of(positions.back(), sizes.back()));
  }
  const auto [message, accepted] = look_up(positions, sizes);
  CHECK(messages.count(message) == 1);
  for (std::size_t i = 0; i < accepted.size(); ++i) CHECK(accepted[i] == (i % 3 == 0 ? 1 : 0));
  CHECK(look_up({1}, {2}).first.empty());
}

}  // namespace primitive_fault_test
}  // namespace
