# SPDX-License-Identifier: MIT
"""Repeats the first steps of a training in PyTorch and compares the losses.

    python cifar_first_losses.py WEIGHTS.safetensors STEPS.safetensors [--tolerance 1e-4]

WEIGHTS holds the start values under PyTorch's names and in its orders, convolutions (k, c, r, s):
prep.conv.weight, prep.norm.{weight,bias,running_mean,running_var}, stages.<i>.conv1.weight,
stages.<i>.norm1.*, stages.<i>.conv2.weight, stages.<i>.norm2.*, stages.<i>.shortcut.conv.weight,
stages.<i>.shortcut.norm.* where the shape changes, head.weight, head.bias. STEPS holds, for each of
t steps, images (t, n, 3, h, w), labels (t, n), the rates (t) and the mean losses (t) of the program
under test. SGD with Nesterov momentum and coupled weight decay of all parameters. Exits with 1 if a
loss differs from PyTorch's float32 by more than the tolerance, or is NaN; PyTorch's own difference
between float32 and float64 is printed as the scale of what rounding does.
"""

import argparse
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from networks import Residual


def widths(weights):
    stages = sum(name.endswith(".conv1.weight") for name in weights)
    names = ["prep.conv.weight"] + [f"stages.{i}.conv1.weight" for i in range(stages)]
    return [weights[name].shape[0] for name in names]


def load(weights, dtype):
    model = Residual(widths(weights), weights["head.weight"].shape[0])
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"weights: missing {missing}, unexpected {unexpected}")
    return model.to(dtype)


def train(weights, steps, dtype, momentum, decay):
    model, losses = load(weights, dtype), []
    settings = {"momentum": momentum, "weight_decay": decay, "nesterov": momentum > 0}
    optimizer = torch.optim.SGD(model.parameters(), 0.0, **settings)
    for images, labels, rate in zip(steps["images"], steps["labels"], steps["rates"]):
        optimizer.param_groups[0]["lr"] = rate.item()
        loss = F.cross_entropy(model(images.to(dtype)), labels.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("steps")
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    weights, steps = load_file(options.weights), load_file(options.steps)
    settings = (options.momentum, options.weight_decay)
    single = train(weights, steps, torch.float32, *settings)
    double = train(weights, steps, torch.float64, *settings)
    losses = steps["losses"].double()
    print("step  loss        PyTorch     difference  PyTorch's float32 - float64")
    for step, (a, b, c) in enumerate(zip(losses, single, double)):
        print(f"{step:4}  {a:.8f}  {b:.8f}  {a - b:+.2e}   {b - c:+.2e}")
    largest = (losses - single).abs().max().item()
    print(f"largest difference {largest:.2e}, tolerance {options.tolerance:.0e}")
    sys.exit(0 if largest <= options.tolerance else 1)


if __name__ == "__main__":
    main()
