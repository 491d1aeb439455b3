# SPDX-License-Identifier: MIT
"""Writes goldens.h: values and gradients of PyTorch in float64, on inputs made by formula.py.

Each case is a function of named inputs. Its outputs y are recorded, and the gradient g<name> of
sum(y * formula(numel(y), 9)) with respect to each input.
"""

import pathlib

import torch

import images
import kinks
import ops
import steps
from recorder import write_header

if __name__ == "__main__":
    torch.set_num_threads(1)
    for group in (ops, images, kinks, steps):
        group.write()
    write_header(pathlib.Path(__file__).with_name("goldens.h"))
