# SPDX-License-Identifier: MIT
"""Writes curves.h: the losses of three short trainings in PyTorch, in float32 and in float64."""

import pathlib
import textwrap

import torch
import torch.nn.functional as F

from formula import formula, labels, literals, parameter
from networks import Mlp, Residual, Transformer

HEADER = """// SPDX-License-Identifier: MIT
// Written by curves.py with PyTorch %s: do not edit. The mean cross entropy before each step of
// three short trainings, in float32 and in float64; networks.py has the networks. Parameter i of
// the table starts at golden::parameter(n, i + 1, fan_in), i + 1 being the seed, convolutions in
// (k, r, s, c) order; weights of norms start at 1, their biases at 0. Inputs x are
// golden::formula(n, seed), targets golden::labels(n, seed, classes).
#pragma once

#include "formula.h"

// clang-format off
namespace golden {
"""
INPUT_SEED, TARGET_SEED = 200, 300


def start(model):
    """Sets the start values; returns the lines of the table."""
    table, modules = [], dict(model.named_modules())
    for i, (name, value) in enumerate(model.named_parameters()):
        owner, kind = modules[name.rpartition(".")[0]], name.rpartition(".")[2]
        if isinstance(owner, (torch.nn.LayerNorm, torch.nn.BatchNorm2d)):
            table.append(f"{i}: {name} ({value.numel()})")
            continue
        fan_in = owner.weight[0].numel()
        shape = [value.shape[j] for j in (0, 2, 3, 1)] if value.dim() == 4 else list(value.shape)
        ours = torch.from_numpy(parameter(value.numel(), i + 1, fan_in)).reshape(shape)
        value.data = ours.permute(0, 3, 1, 2).contiguous() if value.dim() == 4 else ours
        table.append(f"{i}: {name} ({', '.join(map(str, shape))}), fan_in {fan_in}")
    return table


def batch(seed, shape, targets, classes):
    x = torch.from_numpy(formula(torch.Size(shape).numel(), INPUT_SEED + seed)).reshape(shape)
    if len(shape) == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    return x, torch.from_numpy(labels(targets, TARGET_SEED + seed, classes))


def train(network, batches, steps, make_optimizer, dtype):
    model = network().double()
    table = start(model)
    model = model.to(dtype)
    optimizer, losses = make_optimizer(model.parameters()), []
    for step in range(steps):
        x, target = batches[step % len(batches)]
        loss = F.cross_entropy(model(x.to(dtype)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, table


def curve(name, comment, *training):
    single, table = train(*training, torch.float32)
    double, _ = train(*training, torch.float64)
    apart = [abs(a - b) for a, b in zip(single, double)]
    noise = "float32 and float64 differ by at most %.1e" % max(apart)
    noise += ", by %.1e in steps 0 .. 4" % max(apart[:5])
    print(f"{name}: {double[0]:.4f} .. {double[-1]:.4f}, {noise}")
    notes = textwrap.wrap(f"---- {name}: {comment}", 96) + [f"  {row}" for row in table] + [noise]
    lines = ["", *(f"// {line}" for line in notes)]
    for suffix, losses, digits in (("float", single, 9), ("double", double, 13)):
        values = literals(losses, digits)
        lines.append(f"inline constexpr double {name}_losses_{suffix}[] = {{\n{values}\n}};")
    return "\n".join(lines) + "\n"


def sgd(nesterov, rate):
    return lambda p: torch.optim.SGD(p, rate, 0.9, weight_decay=5e-4, nesterov=nesterov)


def adamw(p):
    return torch.optim.AdamW(p, 0.01, weight_decay=0.01)


MLP = """16 to 32 (tanh) to 32 (ReLU) to 4 on one batch: x (24, 16) of seed 200, 4 classes of
seed 300. SGD: rate 0.1, momentum 0.9, coupled weight decay 5e-4 of all parameters."""
TRANSFORMER = """one pre-norm block on one batch: x (4, 8, 16) of seed 200, 10 classes of seed 300
for each of the 32 rows. The outputs of qkv are q, k, v, each two heads of 8 channels. AdamW: rate
0.01, betas 0.9 and 0.999, eps 1e-8, weight decay 0.01 of all parameters."""
RESIDUAL = """the residual network on four batches in turn: step t has images (16, 32, 32, 3) of
seed 200 + t % 4 and 10 classes of seed 300 + t % 4. SGD: rate 0.05, Nesterov momentum 0.9, coupled
weight decay 5e-4 of all parameters."""


def curves():
    rows, sequences = batch(0, (24, 16), 24, 4), batch(0, (4, 8, 16), 32, 10)
    images = [batch(i, (16, 32, 32, 3), 16, 10) for i in range(4)]
    yield curve("mlp", MLP, Mlp, [rows], 100, sgd(False, 0.1))
    yield curve("transformer", TRANSFORMER, Transformer, [sequences], 100, adamw)
    yield curve("residual", RESIDUAL, Residual, images, 20, sgd(True, 0.05))


if __name__ == "__main__":
    torch.set_num_threads(2)
    version = torch.__version__.split("+")[0]
    path = pathlib.Path(__file__).with_name("curves.h")
    path.write_text(HEADER % version + "".join(curves()) + "\n}  // namespace golden\n")
