// SPDX-License-Identifier: MIT
// cp.async: sizes, zero fill, and when copies complete.
#include "instructions/families.h"

#include "tests/kernel.h"

namespace vgpu::test {
namespace {

/// Options::late_copies for as long as it lives.
class WithLateCopies {
 public:
  explicit WithLateCopies(bool late) : before_(options.late_copies) { options.late_copies = late; }
  WithLateCopies(const WithLateCopies&) = delete;
  WithLateCopies& operator=(const WithLateCopies&) = delete;
  ~WithLateCopies() { options.late_copies = before_; }

 private:
  bool before_;
};

const Grid shared_kilobyte = {.declarations = ".shared .align 16 .b8 s[1024];"};

/// %l2: the source of a thread, %r2: its place in shared memory, `size` bytes each.
std::string places(u32 size) {
  return element("%l2", "%l0", size) + "mov.u32 %r1, s;\nmad.lo.u32 %r2, %thread, " + number(size) +
         ", %r1;\n";
}

/// Copies shared memory out byte by byte.
std::string copy_out(u32 size) {
  std::string text = element("%l3", "%l1", size);
  for (u32 k = 0; k < size; ++k)
    text +=
        "ld.shared.u8 %h1, [%r2+" + number(k) + "];\nst.global.u8 [%l3+" + number(k) + "], %h1;\n";
  return text;
}

TEST_CASE("copies of all sizes, whole and filled with zeros") {
  for (const bool late : {true, false}) {
    const WithLateCopies mode(late);
    Random random;
    for (const auto& [opcode, bytes] :
         std::vector<std::pair<std::string, u32>>{{"ca.shared.global", 4},
                                                  {"ca.shared.global", 8},
                                                  {"ca.shared::cta.global", 16},
                                                  {"cg.shared.global", 16},
                                                  {"cg.shared.global.L2::128B", 16},
                                                  {"ca.shared.global.L2::64B", 4}}) {
      const std::string form = opcode;
      const u32 size = bytes;
      INFO(form << " " << size << (late ? " late" : " at once"));
      const auto source = random.bits<u8>(lanes * size);
      const Array<u8> in(source), out(lanes * size);
      const std::string copy = "cp.async." + form + " [%r2], [%l2], " + number(size);
      run_body(places(size) + copy + ";\ncp.async.wait_all;\n" + copy_out(size),
               {in.address(), out.address()}, shared_kilobyte);
      CHECK(out.values() == source);

      // Each lane another number of bytes, over old contents.
      const Array<u8> some(lanes * size);
      run_body(places(size) + "st.shared.u32 [%r2], 0xffffffff;\nrem.u32 %r3, %thread, " +
                   number(size + 1) + ";\n" + copy +
                   ", %r3;\ncp.async.commit_group;\ncp.async.wait_group 0;\n" + copy_out(size),
               {in.address(), some.address()}, shared_kilobyte);
      for (u32 i = 0; i < lanes * size; ++i)
        CHECK(some[i] == (i % size < i / size % (size + 1) ? source[i] : 0));
    }
  }
}

TEST_CASE("offsets, constants as sizes and wide addresses") {
  const Array<u32> in(lanes + 4), out(2 * lanes);
  for (u32 i = 0; i < in.size(); ++i) in[i] = 100 + i;
  run_body(
      places(4) + "cp.async.ca.shared.global [%r2+256], [%l2+8], 4, 4;\n" +
          "cvt.u64.u32 %l4, %r2;\n" + "cp.async.ca.shared.global [%l4+512], [%l2+-4], 4, 3;\n" +
          "cp.async.wait_all;\nld.shared.u32 %r3, [%r2+256];\nld.shared.u32 %r4, [%r2+512];\n" +
          element("%l3", "%l1", 8) + "st.global.v2.u32 [%l3], {%r3, %r4};",
      {in.address(1), out.address()}, shared_kilobyte);
  for (u32 i = 0; i < lanes; ++i) {
    CHECK(out[2 * i] == 100 + i + 3);
    CHECK(out[2 * i + 1] == 100 + i);
  }
}

/// Each thread has a word of shared memory for each of four copies, 1 at first; these bring 10, 11,
/// 12, 13. The text waits; then the words are looked at.
std::vector<u32> words_after(const std::string& text) {
  const Array<u32> in(std::vector<u32>{10, 11, 12, 13}), out(4 * lanes);
  run_body(
      "mov.u32 %r1, s;\nmad.lo.u32 %r2, %thread, 16, %r1;\nmov.u32 %r3, 1;\n"
      "st.shared.v4.u32 [%r2], {%r3, %r3, %r3, %r3};\n" +
          text + "\nld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r2];\n" + element("%l2", "%l1", 16) +
          "st.global.v4.u32 [%l2], {%r4, %r5, %r6, %r7};",
      {in.address(), out.address()}, shared_kilobyte);
  return out.values();
}

std::string copy(int k) {
  return "cp.async.ca.shared.global [%r2+" + number(4u * k) + "], [%l0+" + number(4u * k) +
         "], 4;\n";
}
const std::string commit = "cp.async.commit_group;\n";

void expect_words(const std::string& text, std::vector<u32> late, std::vector<u32> at_once) {
  INFO(text);
  for (const bool is_late : {true, false}) {
    const WithLateCopies mode(is_late);
    const auto words = words_after(text);
    for (std::size_t i = 0; i < words.size(); ++i)
      CHECK(words[i] == (is_late ? late : at_once)[i % 4]);
  }
}

TEST_CASE("copies complete when they are waited for") {
  const std::vector<u32> all = {10, 11, 12, 13};
  const std::string four =
      copy(0) + commit + copy(1) + commit + copy(2) + commit + copy(3) + commit;
  expect_words(four, {1, 1, 1, 1}, all);
  expect_words(four + "cp.async.wait_group 4;", {1, 1, 1, 1}, all);
  expect_words(four + "cp.async.wait_group 3;", {10, 1, 1, 1}, all);
  expect_words(four + "cp.async.wait_group 2;", {10, 11, 1, 1}, all);
  expect_words(four + "cp.async.wait_group 1;\ncp.async.wait_group 3;", {10, 11, 12, 1}, all);
  expect_words(four + "cp.async.wait_group 0;", all, all);
  expect_words(four + "cp.async.wait_all;", all, all);
}

TEST_CASE("groups may be empty, have several copies, or be open") {
  const std::vector<u32> all = {10, 11, 12, 13};
  const std::string open = copy(0) + copy(1) + commit + commit + copy(2) + commit + copy(3);
  expect_words(open + "cp.async.wait_group 2;", {10, 11, 1, 1}, all);
  expect_words(open + "cp.async.wait_group 1;", {10, 11, 1, 1}, all);
  expect_words(open + "cp.async.wait_group 0;", {10, 11, 12, 1}, all);
  expect_words(open + "cp.async.wait_all;", all, all);
}

TEST_CASE("lanes count their own groups") {
  const WithLateCopies late(true);
  // Odd lanes commit each copy, even lanes both together.
  const auto words =
      words_after("and.b32 %r20, %thread, 1;\nsetp.eq.u32 %p1, %r20, 1;\n" + copy(0) +
                  "@%p1 cp.async.commit_group;\n" + copy(1) + commit + "cp.async.wait_group 1;");
  for (u32 i = 0; i < lanes; ++i) {
    CHECK(words[4 * i] == (i % 2 == 1 ? 10 : 1));
    CHECK(words[4 * i + 1] == 1);
  }
  // Only the lanes that wait complete theirs.
  const auto some =
      words_after("setp.lt.u32 %p1, %thread, 7;\n" + copy(2) + "@%p1 cp.async.wait_all;");
  for (u32 i = 0; i < lanes; ++i) CHECK(some[4 * i + 2] == (i < 7 ? 12 : 1));
}

TEST_CASE("lanes that exit complete their copies") {
  const Array<u32> in(std::vector<u32>{10, 11, 12, 13}), out(64);
  run_body(
      "mov.u32 %r1, s;\nmad.lo.u32 %r2, %thread, 4, %r1;\nst.shared.u32 [%r2], 1;\nbar.sync 0;\n"
      "setp.lt.u32 %p1, %thread, 32;\n@%p1 bra READ;\n"
      "cp.async.ca.shared.global [%r2], [%l0+8], 4;\nret;\n"
      "READ:\nbar.sync 1;\nld.shared.u32 %r4, [%r2+128];\n" +
          element("%l2", "%l1", 4) + "st.global.u32 [%l2], %r4;",
      {in.address(), out.address()}, {.threads = 64, .declarations = shared_kilobyte.declarations});
  for (u32 i = 0; i < lanes; ++i) CHECK(out[i] == 12);
}

TEST_CASE("a partial copy touches nothing else") {
  const WithLateCopies late(true);
  const auto words =
      words_after("setp.eq.u32 %p1, %thread, 5;\n@%p1 " + copy(1) + "cp.async.wait_all;");
  for (u32 i = 0; i < 4 * lanes; ++i) CHECK(words[i] == (i == 4 * 5 + 1 ? 11 : 1));
}

TEST_CASE("forms of copies that are not there") {
  const auto table = copy_async_instructions();
  Instruction in;
  in.target = 16;
  CHECK(is_implemented(table, "cp.async.cg.shared.global", in));
  for (const char* opcode :
       {"cp.async.shared.global", "cp.async.ca.shared.global.L2::cache_hint",
        "cp.async.cg.shared::cluster.global",
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes",
        "cp.async.bulk.commit_group", "cp.async.bulk.wait_group", "cp.async.bulk.wait_group.read",
        "cp.async.mbarrier.arrive.b64", "cp.async.mbarrier.arrive.noinc.shared.b64",
        "cp.reduce.async.bulk.global.shared::cta.add.u32", "cp.async.bulk.prefetch.L2.global"})
    CHECK_MESSAGE(!is_implemented(table, opcode, in), opcode);
  in.target = 8;
  CHECK(!is_implemented(table, "cp.async.cg.shared.global", in));
  in.target = 2;
  CHECK(!is_implemented(table, "cp.async.ca.shared.global", in));
}

TEST_CASE("every row of the table of copies was executed") {
  check_all_executed(copy_async_instructions());
  for (const char* name : {"cp.ca", "cp.cg", "cp.commit_group", "cp.wait_group", "cp.wait_all"})
    CHECK_MESSAGE(executed_names().count(name) == 1, name);
}

}  // namespace
}  // namespace vgpu::test
