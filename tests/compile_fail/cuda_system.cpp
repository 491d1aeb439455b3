// error: thrustgrad: only nvcc compiles the cuda system
// SPDX-License-Identifier: MIT
#define THRUSTGRAD_SYSTEM THRUSTGRAD_SYSTEM_CUDA
#include "thrustgrad/thrustgrad.h"
