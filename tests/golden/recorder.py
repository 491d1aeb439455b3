# SPDX-License-Identifier: MIT
"""Gathers the text of goldens.h: an array for each output and each gradient of a case."""

import math
import textwrap

import numpy as np
import torch

from formula import formula, literals, positive

LONGEST_STORED, DIGITS = 32, 11
KINDS = {
    "formula": formula,
    "2 formula": lambda n, s: formula(n, s, 2),
    "4 formula": lambda n, s: formula(n, s, 4),
    "positive": positive,
}
HEADER = """// SPDX-License-Identifier: MIT
// Written by make_goldens.py with PyTorch %s: do not edit. Values and gradients in float64.
// <case>_y is the output, <case>_g<input> the gradient of sum(y * formula(numel(y), 9)) by that
// input, in row-major order of the logical shape: images (n, h, w, c), weights (k, r, s, c). The
// comment above a case states its inputs as name = formula(seed): shape. Compare with
// golden::mismatch(values, golden::<case>_y): arrays longer than 32 are stored as a digest.
#pragma once

#include <limits>

#include "formula.h"

// clang-format off
namespace golden {

inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr double qnan = std::numeric_limits<double>::quiet_NaN();
"""
text = []


def section(title):
    text.append("\n")
    note(f"---- {title}")


def note(comment):
    text.extend(f"// {line}\n" for line in textwrap.wrap(comment, 96))


def digest(values):
    n = len(values)
    if n <= LONGEST_STORED:
        return values
    picks = [values[k * (n - 1) // 5] for k in range(6)]
    return [np.sqrt(np.sum(values * values)), np.dot(values, formula(n, 99)), *picks]


def record(name, values):
    values = torch.as_tensor(values, dtype=torch.float64).detach().contiguous().reshape(-1).numpy()
    text.append(f"inline constexpr double {name}[] = {{\n{literals(digest(values), DIGITS)}\n}};\n")


def made(shape, seed, kind="formula"):
    return torch.from_numpy(KINDS[kind](math.prod(shape), seed)).reshape(shape)


def gradients(name, function, inputs):
    """Records y (y0, y1, ... if several) and the gradient by each input."""
    leaves = {key: value.clone().requires_grad_() for key, value in inputs.items()}
    outputs = function(*leaves.values())
    several = isinstance(outputs, (tuple, list))
    objective = 0
    for i, y in enumerate(outputs if several else [outputs]):
        record(f"{name}_y{i}" if several else f"{name}_y", y)
        objective = objective + (y * made(y.shape, 9 + i)).sum()
    objective.backward()
    for key, leaf in leaves.items():
        record(f"{name}_g{key}", leaf.grad)


def case(name, function, comment="", **inputs):
    """inputs: name=(shape, seed[, kind])."""
    stated = ", ".join(
        f"{key} = {(spec + ('formula',))[2]}({spec[1]}): {spec[0]}" for key, spec in inputs.items()
    )
    note(f"{name}: {stated}{'; ' + comment if comment else ''}")
    gradients(name, function, {key: made(*spec) for key, spec in inputs.items()})


def plain(name, values, comment):
    note(f"{name}: {comment}")
    record(name, values)


def write_header(path):
    path.write_text(
        HEADER % torch.__version__.split("+")[0] + "".join(text) + "\n}  // namespace golden\n"
    )
