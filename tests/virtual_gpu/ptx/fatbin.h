// SPDX-License-Identifier: MIT
// The PTX text that nvcc embeds in a program.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace vgpu {

/// The plain PTX in what __cudaRegisterFatBinary is given. If there is none, `why_not` says what
/// was found instead.
std::vector<std::string_view> ptx_of(const void* fatbin_wrapper, std::string& why_not);

}  // namespace vgpu
