# SPDX-License-Identifier: MIT
"""PyTorch's time for memory-bound ops on arrays larger than the caches, one line each.

    python pointwise.py [--elements 67108864] [--threads 2] [--repeats 5] [--ops copy,silu] [--table]

A line is JSON, {"op", "dtype", "pass", "seconds", "bytes"}, or with --table text for people: the best of the repeats after one call that
warms up, and the bytes that the op must read and write. Results go into arrays made before, so that
no page is faulted in while the clock runs. The sum is over the last axis of rows of 1024.
"""

import argparse
import json
import time

import torch

aten = torch.ops.aten
FORWARD = {
    "copy": lambda x, y: y.copy_(x),
    "silu": lambda x, y: aten.silu.out(x, out=y),
    "gelu": lambda x, y: aten.gelu.out(x, out=y),
    "gelu_tanh": lambda x, y: aten.gelu.out(x, approximate="tanh", out=y),
}
BACKWARD = {
    "silu": lambda g, x, y: aten.silu_backward.grad_input(g, x, grad_input=y),
    "gelu": lambda g, x, y: aten.gelu_backward.grad_input(g, x, grad_input=y),
    "gelu_tanh": lambda g, x, y: aten.gelu_backward.grad_input(
        g, x, approximate="tanh", grad_input=y
    ),
}


def best(work, repeats):
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def report(options, op, dtype, direction, seconds, size):
    name = str(dtype).removeprefix("torch.").replace("bfloat16", "bf16").replace("float32", "float")
    if options.table:
        rate = size / seconds * 1e-9
        print(f"{op:10} {name:8} {direction:8} {seconds * 1e3:8.2f} ms {rate:7.1f} GB/s", flush=True)
        return
    line = {"op": op, "dtype": name, "pass": direction, "seconds": seconds, "bytes": size}
    print(json.dumps(line), flush=True)


def measure(dtype, options):
    x = torch.randn(options.elements // 1024, 1024).to(dtype)
    g, y = torch.ones_like(x), torch.zeros_like(x)
    size = x.numel() * x.element_size()
    for op in options.ops:
        if op in FORWARD:
            seconds = best(lambda: FORWARD[op](x, y), options.repeats)
            report(options, op, dtype, "forward", seconds, 2 * size)
        if op in BACKWARD:
            seconds = best(lambda: BACKWARD[op](g, x, y), options.repeats)
            report(options, op, dtype, "backward", seconds, 3 * size)
        if op == "sum":
            total = torch.zeros(x.shape[0], dtype=dtype)
            seconds = best(lambda: torch.sum(x, 1, out=total), options.repeats)
            report(options, op, dtype, "forward", seconds, size + total.numel() * total.element_size())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=1 << 26)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ops", type=lambda s: s.split(","), default=[*FORWARD, "sum"])
    parser.add_argument("--table", action="store_true")
    parsed = parser.parse_args()
    torch.set_num_threads(parsed.threads)
    for element in (torch.float32, torch.bfloat16):
        measure(element, parsed)
