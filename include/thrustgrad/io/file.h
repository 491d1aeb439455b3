// SPDX-License-Identifier: MIT
// Whole files, read and written with every error reported: by path, in the system's words.
// Writing is atomic: a crash, a full disk or a kill at any moment leaves the old file or the new
// one, never a mixture. POSIX calls are used directly, because streams tell neither why an
// operation failed nor whether the bytes have reached the disk. Layer io.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// Throws "op: path: cannot <action>: <text of errno>".
[[noreturn]] inline void fail_errno(std::string_view op, std::string_view path,
                                    std::string_view action, int error = errno) {
  fail(op, path, ": cannot ", action, ": ", std::generic_category().message(error));
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  /// False, with errno set, if closing fails: on some file systems that reports a failed write.
  /// EINTR counts as closed; a second call could close a descriptor that another thread just got.
  bool close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR; }

 private:
  int fd_;
};

}  // namespace detail

/// A regular file, open for reading from its beginning. Throws if the path is missing, may not be
/// read, or is a directory, device or pipe.
class InputFile {
 public:
  // O_NONBLOCK: opening a pipe without a writer must fail like any other non-file, not wait.
  explicit InputFile(std::string path)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (file_.get() < 0) detail::fail_errno("read_file", path_, "open");
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) detail::fail_errno("read_file", path_, "examine");
    require(!S_ISDIR(status.st_mode), "read_file", path_, ": is a directory");
    require(S_ISREG(status.st_mode), "read_file", path_, ": is not a regular file");
    size_ = status.st_size;
  }

  const std::string& path() const { return path_; }
  /// Bytes in the file when it was opened.
  index_t size() const { return size_; }

  /// The next `count` bytes. Throws if the file ends before that.
  std::string read(index_t count) {
    std::string bytes(static_cast<std::size_t>(count), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t wanted = std::min(bytes.size() - done, std::size_t{1} << 30);
      const ::ssize_t got = ::read(file_.get(), bytes.data() + done, wanted);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) detail::fail_errno("read_file", path_, "read");
      require(got > 0, "read_file", path_, ": ended ", bytes.size() - done,
              " bytes early; it was changed while it was read");
      done += static_cast<std::size_t>(got);
    }
    return bytes;
  }

 private:
  std::string path_;
  detail::Descriptor file_;
  index_t size_ = 0;
};

/// All bytes of a file. Throws as InputFile does, and if the file has more than max_size bytes:
/// pass what the format allows when the file comes from somebody else.
inline std::string read_file(const std::string& path, index_t max_size = index_t{1} << 40) {
  InputFile file(path);
  require(file.size() <= max_size, "read_file", path, ": has ", file.size(), " bytes, at most ",
          max_size, " are expected");
  return file.read(file.size());
}

namespace detail {

inline constexpr auto crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = (remainder >> 1) ^ (remainder & 1 ? 0xedb88320u : 0u);
    table[byte] = remainder;
  }
  return table;
}();

}  // namespace detail

/// The CRC-32 of zip, PNG and Python's zlib.crc32; `before` is the checksum of the bytes before,
/// so that crc32(b, crc32(a)) is the checksum of a and b joined.
inline std::uint32_t crc32(std::string_view bytes, std::uint32_t before = 0) {
  std::uint32_t remainder = ~before;
  for (char c : bytes)
    remainder =
        (remainder >> 8) ^ detail::crc32_table[(remainder ^ static_cast<unsigned char>(c)) & 0xff];
  return ~remainder;
}

namespace detail {

inline std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// A new file next to `path`, removed by the destructor unless it has been renamed to `path`.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)), file_(-1) {
    // A process killed while writing leaves its file, and process numbers come again: try others.
    for (int attempt = 0; attempt < 1000; ++attempt) {
      name_ = describe(path_, ".tmp.", ::getpid(), ".", attempt);
      file_ = Descriptor(::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      if (file_.get() >= 0) return;
      if (errno != EEXIST) break;
    }
    fail_errno("write_file", path_, describe("create ", name_));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!renamed_) ::unlink(name_.c_str());
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t wanted = std::min(bytes.size(), std::size_t{1} << 30);
      const ::ssize_t put = ::write(file_.get(), bytes.data(), wanted);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail_errno("write_file", path_, "write");
      if (put == 0) fail_errno("write_file", path_, "write", EIO);
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  void rename_to_path() {
    // Without the first fsync, a crash soon after the rename may leave an empty file under the
    // final name; without the second, the old one (Pillai et al., OSDI 2014).
    if (::fsync(file_.get()) != 0) fail_errno("write_file", path_, "flush");
    if (!file_.close()) fail_errno("write_file", path_, "close");
    if (::rename(name_.c_str(), path_.c_str()) != 0) fail_errno("write_file", path_, "replace");
    renamed_ = true;
    const std::string directory = directory_of(path_);
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.get() < 0 && errno == EACCES) return;  // a directory that may be written, not read
    if (opened.get() < 0) fail_errno("write_file", path_, describe("open ", directory));
    // Some network file systems cannot flush a directory and say so by EINVAL.
    if (::fsync(opened.get()) != 0 && errno != EINVAL)
      fail_errno("write_file", path_, describe("flush ", directory));
  }

 private:
  std::string path_, name_;
  Descriptor file_;
  bool renamed_ = false;
};

}  // namespace detail

/// Replaces the file at `path`, or makes it, with the parts one after the other. When the call
/// returns, the bytes are on the disk; when it throws or the process dies, the path has the old
/// file or the new one, whole. A killed process may leave `path.tmp.*`; a symbolic link is
/// replaced, not followed. Throws if the path is a directory, device or pipe, and with the system's
/// reason.
inline void write_file(const std::string& path, std::span<const std::string_view> parts) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    require(!S_ISDIR(status.st_mode), "write_file", path, ": is a directory");
    require(S_ISREG(status.st_mode), "write_file", path, ": is not a regular file");
  }
  detail::TemporaryFile file(path);
  for (std::string_view part : parts) file.write(part);
  file.rename_to_path();
}
inline void write_file(const std::string& path, std::string_view bytes) {
  write_file(path, std::span(&bytes, 1));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
