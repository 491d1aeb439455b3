#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets runtime calls of a training step fail, one in each run, on the virtual GPU.

    faults.py LIBRARY_DIRECTORY PROGRAM_DIRECTORY [COUNT]

Every call (or COUNT of them, drawn anew each day), every launch likewise, memory that ends, and a machine
without a device. Each run must report the fault in one line that names an operation, and then train to
the same losses as without it, if that is possible at all. Also tested: that the step waits for the device
only where it reads, and, with THRUSTGRAD_SYNCHRONIZE=1, behind each kernel. Prints the number of faults in
its last line.
"""
import datetime
import os
import random
import re
import subprocess
import sys
from pathlib import Path

library, programs = (Path(a).resolve() for a in sys.argv[1:3])
count = int(sys.argv[3]) if len(sys.argv) > 3 else None
plain = {k: v for k, v in os.environ.items() if not k.startswith("VGPU_")}
plain["LD_LIBRARY_PATH"] = str(library)
MESSAGE = re.compile(r"^error: \w+: .+ failed: .+ \(cuda\w+\)", re.M)


def run(**environment):
    return subprocess.run([programs / "cuda_training_step"], env=plain | environment,
                          capture_output=True, text=True, timeout=300, check=False)


good = run(VGPU_TRACE="1")
if good.returncode != 0:
    sys.exit(f"without a fault: exit status {good.returncode}\n{good.stderr[-2000:]}")


def waits(done):
    return len(re.findall(r"^vgpu: call \d+ cuda\w+Synchronize", done.stderr, re.M))


reads = len(good.stdout.splitlines())
if waits(good) != reads + 1:  # and one, where it returns its memory
    sys.exit(f"it waits {waits(good)} times for the device, to read {reads} losses")
waiting = run(VGPU_TRACE="1", THRUSTGRAD_SYNCHRONIZE="1")
if waiting.returncode != 0 or waiting.stdout != good.stdout or waits(waiting) < 100:
    sys.exit(f"with THRUSTGRAD_SYNCHRONIZE=1: exit status {waiting.returncode}, {waits(waiting)} waits")
calls = re.findall(r"^vgpu: call (\d+) (\w+)", good.stderr, re.M)
launches = len(re.findall(r"^vgpu: launch", good.stderr, re.M))
faults = [("VGPU_FAIL_CALL", number, name) for number, name in calls]
faults += [("VGPU_FAIL_LAUNCH", str(n), "launch") for n in range(1, launches + 1)]
if count is not None:
    faults = random.Random(str(datetime.date.today())).sample(faults, min(count, len(faults)))

# What CUB asks for once for each device. It remembers a failure and goes on reporting it, or throws in a
# function that must not throw, which ends the program.
FIRST_OF_CUB = ("cudaFuncGetAttributes", "cudaGetDevice", "cudaGetDeviceCount")
table = {}  # name of the call -> [faults, reported, harmless, for good]
wrong = 0
for variable, number, name in faults:
    done = run(**{variable: number})
    row = table.setdefault(name, [0, 0, 0, 0])
    row[0] += 1
    # A call whose failure the program may pass over: it then does not mention it.
    outcome = {3: 1, 0: 2, 4: 3 if name in FIRST_OF_CUB else None}.get(done.returncode)
    message = MESSAGE.search(done.stderr)
    if name in FIRST_OF_CUB and "cuda_error'\n  what():  cudaError 999: Failed to query" in done.stderr:
        outcome = message = 3
    if outcome is None or (outcome == 2) == bool(message) or (outcome < 3 and done.stdout != good.stdout):
        wrong += 1
        print(f"{variable}={number} ({name}): exit status {done.returncode}\n{done.stderr[-1000:]}")
    else:
        row[outcome] += 1
for memory in (8_000, 40_000):  # bytes; the step needs more
    done = run(VGPU_MEMORY=str(memory))
    row = table.setdefault("memory ends", [0, 0, 0, 0])
    row[0] += 1
    if done.returncode == 4 and re.search(r"^error: \w+: out of memory: asked for \d+ bytes, \d+ bytes free", done.stderr, re.M):
        row[1] += 1
    else:
        wrong += 1
        print(f"VGPU_MEMORY={memory}: exit status {done.returncode}\n{done.stderr[-1000:]}")
nowhere = run(LD_LIBRARY_PATH="", CUDA_VISIBLE_DEVICES="")  # not on the virtual GPU either
row = table.setdefault("no device", [0, 0, 0, 0])
row[0] += 1
if nowhere.returncode == 4 and "this program was built for NVIDIA GPUs" in nowhere.stderr:
    row[1] += 1
else:
    wrong += 1
    print(f"without a device: exit status {nowhere.returncode}\n{nowhere.stderr[-1000:]}")
print(f"{'call':30} faults  reported  without consequence  for good")
for name, row in sorted(table.items()):
    print(f"{name:30} {row[0]:6} {row[1]:9} {row[2]:20} {row[3]:9}")
total = sum(row[0] for row in table.values())
print(f"{total} faults, {wrong} not reported as they should be")
sys.exit(wrong != 0)
