// SPDX-License-Identifier: MIT
// Effective addresses of memory operands.
#pragma once
#include "machine/warp.h"

namespace vgpu {

/// What find_addresses returns if the lanes' addresses are not evenly apart.
inline constexpr u64 scattered = ~u64{0};

/// The host addresses of all lanes for an instruction's first memory operand; those of lanes that
/// are off may be anything. Returns by how much each lane's address exceeds that of the lane
/// before.
u64 find_addresses(const Warp&, const Instruction&, u64* addresses);

/// Whether the address has the bits that the space needs: only shared memory has 32.
inline bool can_be_addressed(const Instruction& in) {
  return in.form == AddressForm::wide || in.space == Space::shared;
}

}  // namespace vgpu
