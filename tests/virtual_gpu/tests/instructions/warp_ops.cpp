// SPDX-License-Identifier: MIT
// shfl, vote, match, redux and activemask against the PTX manual's definitions.
#include <bit>

#include "tests/kernel.h"

namespace vgpu::test {
namespace {

/// Runs the text for the lanes of a mask, which take a branch. Lane i has a[i] in %r10, b[i] in
/// %r11, c[i] in %r12 and the predicate of bit i of `flags` in %p2; the mask is in %r13. What the
/// text leaves in %r20 and %p3 comes back, 0xdead and false for other lanes.
struct Run {
  std::vector<u32> a, b, c;
  u32 flags = 0;
  std::vector<u32> d = std::vector<u32>(lanes), d2 = std::vector<u32>(lanes);

  void operator()(const std::string& text, Mask mask, u32 threads = lanes) {
    INFO(text << " mask " << mask);
    const std::string body =
        element("%l10", "%l0", 4) +
        "ld.global.u32 %r10, [%l10];\nld.global.u32 %r11, [%l10+128];\n"
        "ld.global.u32 %r12, [%l10+256];\nld.global.u32 %r13, [%l0+384];\n"
        "ld.global.u32 %r14, [%l0+388];\nshr.u32 %r14, %r14, %thread;\nand.b32 %r14, %r14, 1;\n"
        "setp.ne.u32 %p2, %r14, 0;\nshr.u32 %r15, %r13, %thread;\nand.b32 %r15, %r15, 1;\n"
        "setp.eq.u32 %p1, %r15, 0;\nsetp.ne.u32 %p3, 0, 0;\nmov.u32 %r20, 0xdead;\n"
        "@%p1 bra OFF;\n" +
        text + "\nOFF:\nselp.u32 %r21, 1, 0, %p3;\n" + element("%l11", "%l1", 8) +
        "st.global.v2.u32 [%l11], {%r20, %r21};";
    std::vector<u32> input = a;
    input.insert(input.end(), b.begin(), b.end());
    input.insert(input.end(), c.begin(), c.end());
    input.push_back(mask);
    input.push_back(flags);
    const Array<u32> in(input), out(2 * lanes);
    run_body(body, {in.address(), out.address()}, {.threads = threads});
    for (int i = 0; i < lanes; ++i) {
      d[i] = out[2 * i];
      d2[i] = out[2 * i + 1];
    }
  }
};

Run random_run(Random& random) {
  return {random.bits<u32>(lanes), random.bits<u32>(lanes), random.bits<u32>(lanes),
          random.bits<u32>()};
}

// ---- shfl, as the PTX manual writes it

struct Shuffled {
  u32 value;
  bool inside;
};

Shuffled shuffled(const std::string& mode, const std::vector<u32>& a, int lane, u32 b, u32 c) {
  const int bval = b & 31, cval = c & 31, mask = c >> 8 & 31;
  const int max_lane = (lane & mask) | (cval & ~mask), min_lane = lane & mask;
  int j = 0;
  bool inside = false;
  if (mode == "up") {
    j = lane - bval;
    inside = j >= max_lane;
  } else if (mode == "down") {
    j = lane + bval;
    inside = j <= max_lane;
  } else if (mode == "bfly") {
    j = lane ^ bval;
    inside = j <= max_lane;
  } else {
    j = min_lane | (bval & ~mask);
    inside = j <= max_lane;
  }
  return {a[inside ? j : lane], inside};
}

TEST_CASE("shfl in all modes, with segments and clamps") {
  Random random;
  for (const std::string mode : {"up", "down", "bfly", "idx"}) {
    for (int trial = 0; trial < 40; ++trial) {
      Run run = random_run(random);
      if (trial < 24) {  // as __shfl_sync makes it: width 32, 16, ..., 1
        const u32 width = 32u >> trial / 4, by = trial % 4 == 3 ? 40 : 1u << trial % 4;
        std::fill(run.b.begin(), run.b.end(), by);
        std::fill(run.c.begin(), run.c.end(), (32 - width) << 8 | (mode == "up" ? 0 : 31));
      }
      run("shfl.sync." + mode + ".b32 %r20|%p3, %r10, %r11, %r12, %r13;", all_lanes);
      for (int i = 0; i < lanes; ++i) {
        const auto expected = shuffled(mode, run.a, i, run.b[i], run.c[i]);
        CHECK(run.d[i] == expected.value);
        CHECK(run.d2[i] == expected.inside);
      }
    }
  }
}

TEST_CASE("shfl in partial warps, and in place") {
  Random random;
  for (const Mask mask : interesting_masks()) {
    Run run = random_run(random);
    run("mov.u32 %r20, %r10;\nshfl.sync.bfly.b32 %r20, %r20, 1, 31, %r13;", mask);
    for (int i = 0; i < lanes; ++i) {
      if (!has(mask, i)) CHECK(run.d[i] == 0xdead);
      if (has(mask, i) && has(mask, i ^ 1)) CHECK(run.d[i] == run.a[i ^ 1]);
    }
  }
  Run run = random_run(random);  // a block of 20 threads: lanes 20 and up do not exist
  run("shfl.sync.down.b32 %r20, %r10, 3, 31, 0xffffffff;", all_lanes, 20);
  for (int i = 0; i < 17; ++i) CHECK(run.d[i] == run.a[i + 3]);
}

// ---- vote

TEST_CASE("votes") {
  Random random;
  for (const Mask mask : interesting_masks()) {
    for (int trial = 0; trial < 8; ++trial) {
      Run run = random_run(random);
      if (trial == 0) run.flags = 0;
      if (trial == 1) run.flags = mask;
      if (trial == 2) run.flags = ~mask;
      if (trial == 3) run.flags = 1u << first_lane(mask);
      const u32 yes = run.flags & mask, no = ~run.flags & mask;
      const auto expect = [&](const char* text, bool holds) {
        run(text, mask);
        for (int i = 0; i < lanes; ++i) CHECK(run.d2[i] == (has(mask, i) && holds));
      };
      expect("vote.sync.all.pred %p3, %p2, %r13;", no == 0);
      expect("vote.sync.all.pred %p3, !%p2, %r13;", yes == 0);
      expect("vote.sync.any.pred %p3, %p2, %r13;", yes != 0);
      expect("vote.sync.uni.pred %p3, %p2, %r13;", yes == 0 || no == 0);
      run("vote.ballot.sync.b32 %r20, %p2, %r13;", mask);  // CUB writes it so
      for (int i = 0; i < lanes; ++i) CHECK(run.d[i] == (has(mask, i) ? yes : 0xdead));
    }
  }
}

/// Even and odd lanes name each other only, and execute the instruction together.
const std::string own_group = "and.b32 %r30, %thread, 1;\nshl.b32 %r31, 0x55555555, %r30;\n";

TEST_CASE("lanes of one instruction in different groups") {
  Random random;
  Run run = random_run(random);
  for (u32& a : run.a) a &= 3;
  const auto group = [](int i) { return 0x55555555u << (i & 1); };
  const auto expect = [&](const std::string& text, auto value) {
    run(own_group + text, all_lanes);
    for (int i = 0; i < lanes; ++i) CHECK(run.d[i] == value(i));
  };
  const auto expect_flag = [&](const std::string& text, auto holds) {
    run(own_group + text, all_lanes);
    for (int i = 0; i < lanes; ++i) CHECK(run.d2[i] == holds(i));
  };
  expect("vote.sync.ballot.b32 %r20, %p2, %r31;", [&](int i) { return run.flags & group(i); });
  run.flags |= 0x55555555;
  run.flags &= ~2u;
  expect_flag("vote.sync.all.pred %p3, %p2, %r31;", [](int i) { return i % 2 == 0; });
  run.flags = 4;
  expect_flag("vote.sync.any.pred %p3, %p2, %r31;", [](int i) { return i % 2 == 0; });
  expect_flag("vote.sync.uni.pred %p3, %p2, %r31;", [](int i) { return i % 2 == 1; });
  expect("redux.sync.add.u32 %r20, %r10, %r31;", [&](int i) {
    u32 sum = 0;
    for (int k = i % 2; k < lanes; k += 2) sum += run.a[k];
    return sum;
  });
  expect("match.any.sync.b32 %r20, %r10, %r31;", [&](int i) {
    u32 same = 0;
    for (int k = i % 2; k < lanes; k += 2) same |= u32{run.a[k] == run.a[i]} << k;
    return same;
  });
}

// ---- match

TEST_CASE("match") {
  Random random;
  for (const Mask mask : interesting_masks()) {
    for (const bool equal : {false, true}) {
      Run run = random_run(random);
      for (u32& a : run.a) a = equal ? 7 : a & 3;
      const auto same = [&](int i) {
        u32 result = 0;
        for_lanes(mask, [&](int k) { result |= u32{run.a[k] == run.a[i]} << k; });
        return result;
      };
      const std::string wide = "cvt.u64.u32 %l20, %r10;\nmul.lo.u64 %l20, %l20, 0x100000000;\n";
      for (const std::string& text : {std::string("match.any.sync.b32 %r20, %r10, %r13;"),
                                      wide + "match.any.sync.b64 %r20, %l20, %r13;"}) {
        run(text, mask);
        for_lanes(mask, [&](int i) { CHECK(run.d[i] == same(i)); });
      }
      for (const std::string& text : {std::string("match.all.sync.b32 %r20|%p3, %r10, %r13;"),
                                      wide + "match.all.sync.b64 %r20|%p3, %l20, %r13;"}) {
        run(text, mask);
        const bool all = same(first_lane(mask)) == mask;
        for_lanes(mask, [&](int i) {
          CHECK(run.d[i] == (all ? mask : 0));
          CHECK(run.d2[i] == all);
        });
        for_lanes(~mask, [&](int i) { CHECK(run.d[i] == 0xdead); });
      }
    }
  }
}

// ---- redux

template <class Combine> void check_redux(const std::string& form, Combine combine) {
  Random random;
  for (const Mask mask : interesting_masks()) {
    Run run = random_run(random);
    run("redux.sync." + form + " %r20, %r10, %r13;", mask);
    u32 expected = run.a[first_lane(mask)];
    for_lanes(mask & (mask - 1), [&](int i) { expected = combine(expected, run.a[i]); });
    for (int i = 0; i < lanes; ++i) CHECK(run.d[i] == (has(mask, i) ? expected : 0xdead));
  }
}

TEST_CASE("redux") {
  const auto less = [](u32 x, u32 y) { return static_cast<i32>(x) < static_cast<i32>(y); };
  check_redux("add.u32", [](u32 x, u32 y) { return x + y; });
  check_redux("add.s32", [](u32 x, u32 y) { return x + y; });
  check_redux("min.u32", [](u32 x, u32 y) { return std::min(x, y); });
  check_redux("max.u32", [](u32 x, u32 y) { return std::max(x, y); });
  check_redux("min.s32", [=](u32 x, u32 y) { return std::min(x, y, less); });
  check_redux("max.s32", [=](u32 x, u32 y) { return std::max(x, y, less); });
  check_redux("and.b32", [](u32 x, u32 y) { return x & y; });
  check_redux("or.b32", [](u32 x, u32 y) { return x | y; });
  check_redux("xor.b32", [](u32 x, u32 y) { return x ^ y; });
}

// ---- waiting for others

TEST_CASE("lanes on different paths meet at one instruction") {
  Random random;
  Run run = random_run(random);
  // Odd lanes take a detour, with a loop whose length depends on the lane.
  run("and.b32 %r30, %thread, 1;\nsetp.eq.u32 %p4, %r30, 0;\n@%p4 bra MEET;\nmov.u32 %r31, "
      "%thread;\n"
      "LOOP:\nsub.u32 %r31, %r31, 1;\nsetp.ne.u32 %p5, %r31, 0;\n@%p5 bra LOOP;\nMEET:\n"
      "redux.sync.add.u32 %r20, %r10, 0xffffffff;",
      all_lanes);
  u32 sum = 0;
  for (const u32 a : run.a) sum += a;
  for (int i = 0; i < lanes; ++i) CHECK(run.d[i] == sum);
}

TEST_CASE("activemask") {
  for (const Mask mask : interesting_masks()) {
    Run run{std::vector<u32>(lanes), std::vector<u32>(lanes), std::vector<u32>(lanes)};
    run("activemask.b32 %r20;", mask);
    for (int i = 0; i < lanes; ++i) CHECK(run.d[i] == (has(mask, i) ? mask : 0xdead));
  }
}

TEST_CASE("forms of warp instructions that are not there") {
  const auto table = warp_instructions();
  CHECK(is_implemented(table, "shfl.sync.up.b32"));
  for (const char* opcode :
       {"shfl.up.b32", "shfl.sync.b32", "shfl.sync.up.b64", "vote.all.pred",
        "vote.sync.ballot.pred", "vote.sync.all.b32", "vote.sync.most.pred", "match.sync.b32",
        "match.any.b32", "match.any.sync.b16", "redux.sync.add.f32", "redux.sync.min.abs.f32",
        "redux.sync.and.u32", "redux.add.u32", "activemask.b64", "activemask.sync.b32"})
    CHECK_MESSAGE(!is_implemented(table, opcode), opcode);
}

TEST_CASE("every row of the table of warp instructions was executed") {
  check_all_executed(warp_instructions());
}

}  // namespace
}  // namespace vgpu::test
