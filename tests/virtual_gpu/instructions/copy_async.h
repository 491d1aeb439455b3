// SPDX-License-Identifier: MIT
// Completion of asynchronous copies (cp.async).
#pragma once
#include "machine/warp.h"

namespace vgpu {

/// For `keep` of complete_copies: leave none, committed or not.
inline constexpr u32 keep_nothing = ~0u;

/// Completes the copies of these lanes, except for those of the `keep` groups committed last and
/// those not yet committed. Lanes that exit complete all of theirs.
void complete_copies(Warp&, Mask, u32 keep);

}  // namespace vgpu
