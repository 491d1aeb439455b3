// SPDX-License-Identifier: MIT
// Compiles: shows that the flags and the include path are not what refuses the other programs.
#include "thrustgrad/thrustgrad.h"

int main() { return 0; }
