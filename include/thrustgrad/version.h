// SPDX-License-Identifier: MIT
// The version of the library; CMake reads it from here.
#pragma once

#define THRUSTGRAD_VERSION_MAJOR 0
#define THRUSTGRAD_VERSION_MINOR 1
#define THRUSTGRAD_VERSION_PATCH 0
