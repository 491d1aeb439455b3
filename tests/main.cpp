// SPDX-License-Identifier: MIT
// The test runner. The tests stand in files of their own, one a header.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
