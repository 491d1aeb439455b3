#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the virtual GPU's counters and its mutation of loaded programs.

    tools.py LIBRARY_DIRECTORY PROGRAM_DIRECTORY

Both look at the tensor-core product of library/tensor_product.cu, whose counts follow from its tiles and
which a missing barrier or wait must break. Prints the number of checks in its last line.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TILE, DEPTH, WARPS = 64, 32, 4
SHAPES = [(128, 128, 96), (72, 80, 40), (8, 8, 8), (200, 136, 328)]  # of the test case
MUST_BREAK = ("bar.sync", "cp.async.wait_group")

library, programs = (Path(a).resolve() for a in sys.argv[1:3])
plain = {k: v for k, v in os.environ.items() if not k.startswith("VGPU_")}
plain["LD_LIBRARY_PATH"] = str(library)
checks = failures = 0


def check(holds, what):
    global checks, failures
    checks += 1
    if not holds:
        failures += 1
        print("wrong:", what)


def run(**environment):
    """The product under these settings: exit status and all that was printed."""
    done = subprocess.run([programs / "cuda_library", "-tc=tensor cores*"], env=plain | environment,
                          capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def ceil_div(a, b):
    return -(-a // b)


def check_counters(folder):
    report = folder / "counts.json"
    check(run(VGPU_COUNT=str(report))[0] == 0, "the product runs with counters")
    kernels = json.loads(report.read_text())["kernels"]
    check(len(kernels) == 1, "one kernel is counted")
    counted = kernels[0]
    blocks = [ceil_div(m, TILE) * ceil_div(n, TILE) for m, n, _ in SHAPES]
    steps = sum(b * ceil_div(k, DEPTH) for b, (_, _, k) in zip(blocks, SHAPES))
    # A step is two halves; a warp multiplies 2 x 4 pairs of fragments in each, and loads 2 + 2 times.
    expected = {"launches": len(SHAPES), "blocks": sum(blocks), "barriers": steps,
                "mma": steps * WARPS * 2 * 8, "ldmatrix": steps * WARPS * 2 * 4, "atomic": 0}
    for name, value in expected.items():
        check(counted[name] == value, f"{name}: {counted[name]}, expected {value}")
    check(counted["wavefronts"] == counted["ideal_wavefronts"] > 0, "the swizzle avoids all bank conflicts")
    check(counted["sectors"] >= counted["ideal_sectors"] > 0, "sectors are counted")
    check("mma" in run(VGPU_COUNT="1")[1], "the table is printed")


def check_mutations(folder):
    listed = folder / "mutants"
    check(run(VGPU_LIST_MUTANTS=str(listed))[0] == 0, "the product runs while mutants are listed")
    mutants = [json.loads(line) for line in listed.read_text().splitlines()]
    check({m["change"] for m in mutants} >= {"swap", "compare", "opcode", "constant+1", "drop"},
          "the list has changes of several kinds")
    breaking = [m for m in mutants if m["change"] == "drop" and m["opcode"].startswith(MUST_BREAK)]
    check(len({m["opcode"].split(".")[0] for m in breaking}) == 2, "barriers and waits can be dropped")
    for m in breaking:
        mutation = f"product@{Path(m['file']).name}:{m['line']}#{m['index']}=drop"
        status, text = run(VGPU_MUTATE=mutation, VGPU_CHECK="1")
        check(status != 0 and ("race" in text or "copy not waited for" in text),
              f"without {m['opcode']} of line {m['line']} the checks must report")
    status, text = run(VGPU_MUTATE="product@tensor_product.cu:1=drop")
    check(status == 99 and "tensor_product.cu:1" in text, "a mutation that was never applied is an error")


with tempfile.TemporaryDirectory() as name:
    check_counters(Path(name))
    check_mutations(Path(name))
print(f"{checks} checks of counters and mutations, {failures} failed")
sys.exit(failures != 0)
