// SPDX-License-Identifier: MIT
// Reads fat binaries: a wrapper points to a header of 16 bytes, behind which come entries, each
// with a header of its own. Nothing about the format is published; what is here was read from
// programs.
#include "ptx/fatbin.h"

#include "machine/types.h"

namespace vgpu {

namespace {

struct Wrapper {
  u32 magic, version;
  const u8* data;
};

struct Header {
  u32 magic;
  u16 version, header_bytes;
  u64 bytes;  // of all entries
};

struct Entry {
  u16 kind, version;
  u32 header_bytes;
  u64 bytes;  // behind the entry's header, padded
};
constexpr u16 kind_ptx = 1;

}  // namespace

std::vector<std::string_view> ptx_of(const void* fatbin_wrapper, std::string& why_not) {
  std::vector<std::string_view> found;
  why_not = "unknown format";
  const auto& wrapper = *static_cast<const Wrapper*>(fatbin_wrapper);
  if (wrapper.magic != 0x466243b1) return found;
  const auto& header = *reinterpret_cast<const Header*>(wrapper.data);
  if (header.magic != 0xba55ed50) return found;
  why_not = "it is empty";
  const u64 end = header.header_bytes + header.bytes;
  for (u64 at = header.header_bytes; at < end && end - at >= sizeof(Entry);) {
    const auto& entry = *reinterpret_cast<const Entry*>(wrapper.data + at);
    if (entry.header_bytes < sizeof(Entry) || entry.header_bytes > end - at ||
        entry.bytes > end - at - entry.header_bytes) {
      why_not = "its entry at byte " + std::to_string(at) + " is damaged";
      break;
    }
    at += entry.header_bytes;
    const std::string_view text(reinterpret_cast<const char*>(wrapper.data + at), entry.bytes);
    // Compressed text is known by not being text: PTX has .version near its beginning.
    const bool is_plain = text.substr(0, 4096).find(".version") != std::string_view::npos;
    if (entry.kind == kind_ptx && is_plain)
      found.push_back(text.substr(0, text.find('\0')));
    else
      why_not = entry.kind == kind_ptx ? "its PTX is compressed" : "it holds machine code only";
    at += entry.bytes;
  }
  if (!found.empty()) why_not.clear();
  return found;
}

}  // namespace vgpu
