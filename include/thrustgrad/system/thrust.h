// SPDX-License-Identifier: MIT
// The device system as Thrust knows it: device::pointer<T> and device::policy(allocator). It stands
// beside system.h because Thrust's execution policies take nvcc several seconds.
#pragma once
#include "thrustgrad/config.h"

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_HOST
#include "thrustgrad/system/host/thrust.h"
#else
#include "thrustgrad/system/cuda/thrust.h"
#endif
