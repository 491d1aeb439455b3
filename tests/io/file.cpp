// SPDX-License-Identifier: MIT
// Files: every failure is an Error that names the path and the reason, and leaves the old file.
#include "thrustgrad/io/file.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <csignal>

#include "temporary_directory.h"

namespace tg = thrustgrad;

namespace {

int fsyncs_until_failure = -1;

}  // namespace

// Takes the place of the C library's fsync in this program, to fail when it is told to.
extern "C" int fsync(int descriptor) {
  if (fsyncs_until_failure >= 0 && fsyncs_until_failure-- == 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace {

std::string read_error(const std::string& path) {
  return message_of([&] { tg::read_file(path); });
}
std::string write_error(const std::string& path, std::string_view bytes = "new") {
  return message_of([&] { tg::write_file(path, bytes); });
}

std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return std::distance(begin(entries), end(entries));
}

}  // namespace

TEST_CASE("what is written is read back") {
  const TemporaryDirectory directory;
  for (const std::string& bytes :
       {std::string(), std::string("a\0b\r\n", 5), std::string(3'000'001, 'x')}) {
    tg::write_file(directory / "file", bytes);
    CHECK(tg::read_file(directory / "file") == bytes);
    CHECK(read_plainly(directory / "file") == bytes);
    CHECK(directory.names() == std::vector<std::string>{"file"});
  }
}

TEST_CASE("the parts of a file are written one after the other") {
  const TemporaryDirectory directory;
  const std::vector<std::string_view> parts = {"head", "", "body", "tail"};
  tg::write_file(directory / "file", parts);
  CHECK(read_plainly(directory / "file") == "headbodytail");
}

TEST_CASE("a path without a slash names a file in the working directory") {
  const TemporaryDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path);
  const std::string error = write_error("file");
  std::filesystem::current_path(before);
  CHECK(error == "");
  CHECK(read_plainly(directory / "file") == "new");
}

TEST_CASE("a new file gets the permissions that the process gives to files") {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(027);
  tg::write_file(directory / "file", "x");
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat((directory / "file").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("an input file is read in pieces and ends where it ended when it was opened") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "0123456789");
  tg::InputFile file(directory / "file");
  CHECK(file.size() == 10);
  CHECK(file.read(4) == "0123");
  CHECK(file.read(0) == "");
  CHECK(file.read(6) == "456789");
  CHECK(has(message_of([&] { file.read(1); }), "file: ended 1 bytes early"));
}

TEST_CASE("a file that shrinks while it is read is an error") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "0123456789");
  tg::InputFile file(directory / "file");
  std::filesystem::resize_file(directory / "file", 7);
  CHECK(has(message_of([&] { file.read(10); }), "ended 3 bytes early; it was changed"));
}

TEST_CASE("reading names the path and the reason") {
  const TemporaryDirectory directory;
  CHECK(read_error(directory / "missing") ==
        "read_file: " + directory / "missing" + ": cannot open: No such file or directory");
  CHECK(read_error(directory.path) == "read_file: " + directory.path + ": is a directory");
  write_plainly(directory / "file", "1234");
  CHECK(has(read_error(directory / "file/below"), "cannot open: Not a directory"));
  std::filesystem::create_symlink("loop", directory / "loop");
  CHECK(has(read_error(directory / "loop"), "loop: cannot open: Too many levels of symbolic"));
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  CHECK(has(read_error(directory / "pipe"), "pipe: is not a regular file"));
  CHECK(has(read_error("/dev/zero"), "/dev/zero: is not a regular file"));
  CHECK(has(message_of([&] { tg::read_file(directory / "file", 3); }),
            "file: has 4 bytes, at most 3 are expected"));
  CHECK(has(read_error(""), "cannot open: No such file or directory"));
}

TEST_CASE("a file that may not be read says so") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "x");
  std::filesystem::permissions(directory.path, std::filesystem::perms(0755));
  std::filesystem::permissions(directory / "file", std::filesystem::perms::none);
  const pid_t child = start_child([&] {
    return drop_privileges() &&
                   has(read_error(directory / "file"), "cannot open: Permission denied")
               ? 0
               : 1;
  });
  CHECK(wait_for(child) == 0);
}

TEST_CASE("writing names the path and the reason") {
  const TemporaryDirectory directory;
  CHECK(write_error(directory.path) == "write_file: " + directory.path + ": is a directory");
  CHECK(has(write_error(directory / "missing/file"), "No such file or directory"));
  CHECK(has(write_error(directory / std::string(300, 'x')), "File name too long"));
  CHECK(has(write_error("/dev/full"), "/dev/full: is not a regular file"));
  CHECK(has(write_error("/proc/file"), "write_file: /proc/file: cannot create "));
  CHECK(directory.names().empty());
}

TEST_CASE("a directory that may not be written keeps its file") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "old");
  std::filesystem::permissions(directory.path, std::filesystem::perms(0555));
  const pid_t child = start_child([&] {
    return drop_privileges() && has(write_error(directory / "file"), ": Permission denied") ? 0 : 1;
  });
  CHECK(wait_for(child) == 0);
  CHECK(read_plainly(directory / "file") == "old");
  CHECK(directory.names() == std::vector<std::string>{"file"});
}

TEST_CASE("a write that fails half way leaves the old file and no other") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "old");
  const pid_t child = start_child([&] {
    const struct rlimit limit { 1000, 1000 };
    std::signal(SIGXFSZ, SIG_IGN);  // then the kernel writes 1000 bytes and refuses the rest
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const std::string error = write_error(directory / "file", std::string(5000, 'x'));
    return error == "write_file: " + directory / "file" + ": cannot write: File too large" ? 0 : 2;
  });
  CHECK(wait_for(child) == 0);
  CHECK(read_plainly(directory / "file") == "old");
  CHECK(directory.names() == std::vector<std::string>{"file"});
}

TEST_CASE("bytes that do not reach the disk leave the old file and no other") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "old");
  fsyncs_until_failure = 0;
  CHECK(write_error(directory / "file") ==
        "write_file: " + directory / "file" + ": cannot flush: Input/output error");
  CHECK(read_plainly(directory / "file") == "old");
  CHECK(directory.names() == std::vector<std::string>{"file"});
}

TEST_CASE("a new name that does not reach the disk is an error") {
  const TemporaryDirectory directory;
  write_plainly(directory / "file", "old");
  fsyncs_until_failure = 1;
  CHECK(has(write_error(directory / "file"),
            "cannot flush " + directory.path + ": Input/output error"));
  CHECK(read_plainly(directory / "file") == "new");
  CHECK(directory.names() == std::vector<std::string>{"file"});
}

TEST_CASE("what a killed process of the same number left does not stand in the way") {
  const TemporaryDirectory directory;
  const std::string left = directory / ("file.tmp." + std::to_string(::getpid()) + ".0");
  write_plainly(left, "left");
  tg::write_file(directory / "file", "new");
  CHECK(read_plainly(directory / "file") == "new");
  CHECK(read_plainly(left) == "left");
  CHECK(directory.names().size() == 2);
}

TEST_CASE("a symbolic link is replaced and what it points to is kept") {
  const TemporaryDirectory directory;
  write_plainly(directory / "target", "old");
  std::filesystem::create_symlink("target", directory / "link");
  tg::write_file(directory / "link", "new");
  CHECK(read_plainly(directory / "link") == "new");
  CHECK(read_plainly(directory / "target") == "old");
  CHECK_FALSE(std::filesystem::is_symlink(directory / "link"));
}

TEST_CASE("a process killed while writing leaves the old file or the new one") {
  const TemporaryDirectory directory;
  const std::string a(300'000, 'a'), b(400'000, 'b');
  tg::write_file(directory / "file", a);
  for (int attempt = 0; attempt < 20; ++attempt) {
    const pid_t child = start_child([&]() -> int {
      while (true) {
        tg::write_file(directory / "file", b);
        tg::write_file(directory / "file", a);
      }
    });
    ::usleep(static_cast<useconds_t>(1000 + 1700 * attempt));
    ::kill(child, SIGKILL);
    CHECK(wait_for(child) == -SIGKILL);
    const std::string found = tg::read_file(directory / "file");
    CHECK((found == a || found == b));
  }
}

TEST_CASE("no call leaves a descriptor open") {
  const TemporaryDirectory directory;
  const std::ptrdiff_t before = open_descriptors();
  for (int i = 0; i < 10; ++i) {
    tg::write_file(directory / "file", "x");
    tg::read_file(directory / "file");
    CHECK(read_error(directory.path) != "");
    CHECK(write_error(directory / "missing/file") != "");
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("crc32 is the checksum of zlib, and goes on where it stopped") {
  CHECK(tg::crc32("") == 0);
  CHECK(tg::crc32("123456789") == 0xcbf43926u);
  CHECK(tg::crc32("56789", tg::crc32("1234")) == 0xcbf43926u);
  CHECK(tg::crc32(std::string_view("\xff\0\x80", 3)) == 0xac616edfu);
}
