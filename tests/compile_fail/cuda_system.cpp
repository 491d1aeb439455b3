// error: thrustgrad: the cuda system is not part of this version
// SPDX-License-Identifier: MIT
#define THRUSTGRAD_SYSTEM THRUSTGRAD_SYSTEM_CUDA
#include "thrustgrad/thrustgrad.h"
