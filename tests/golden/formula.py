# SPDX-License-Identifier: MIT
"""The inputs of the recorded values: numbers that two programs can make alike.

Element i of seed s is the fifth power of k = (i + 1 + 104729 s) mod p, p = 999983. As 5 does not
divide p - 1 this permutes 0 .. p - 1, so p neighbouring elements hold no ties. Each value is one
exact integer divided once. formula.h is the same in C++.
"""

import numpy as np

P = 999983


def residue(n, seed):
    k = (np.arange(1, n + 1, dtype=np.int64) + 104729 * seed) % P
    square = k * k % P
    return square * square % P * k % P


def formula(n, seed, scale=1.0):
    """Values in (-scale, scale)."""
    return (2 * residue(n, seed) - (P - 1)).astype(np.float64) / P * scale


def positive(n, seed):
    """Values in [0.5, 2.5)."""
    return (residue(n, seed) + 250000).astype(np.float64) / 500000.0


def labels(n, seed, classes):
    """Integers in 0 .. classes - 1."""
    return residue(n, seed) % classes


def parameter(n, seed, fan_in):
    """Start values in (-1, 1) / sqrt(fan_in), the bound of PyTorch's Linear and Conv2d."""
    return formula(n, seed) / np.sqrt(np.float64(fan_in))


def literals(values, digits):
    """C++ array initialiser of values, wrapped at 100 columns."""
    lines, line = [], ""
    for value in values:
        word = "qnan" if value != value else "%.*g" % (digits, value)
        if len(line) + len(word) + 2 > 98:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word + ","
    return "\n".join("  " + text for text in lines + [line])
