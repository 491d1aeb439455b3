# SPDX-License-Identifier: MIT
"""Runs a part of the CUDA suite in each mode of the virtual GPU: checks, schedules, late streams.

    drawn.py LIBRARY_DIRECTORY PROGRAM_DIRECTORY SECONDS

Which test files, and the schedules' seeds, are drawn anew each day; it goes on until the time is up, and
each mode has had a turn in any case. Prints the number of assertions in its last line.
"""
import datetime
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

library, programs = (Path(a).resolve() for a in sys.argv[1:3])
deadline = time.monotonic() + float(sys.argv[3])
plain = {k: v for k, v in os.environ.items() if not k.startswith("VGPU_")}
plain["LD_LIBRARY_PATH"] = str(library)
draw = random.Random(str(datetime.date.today()))
SUITE = programs / "cuda_suite"
# They train for long, which says nothing more about a kernel.
LONG = re.compile(r"/(nn/(curves|transformer)|optim/|data/synthetic)")


def run(arguments, environment):
    return subprocess.run([SUITE, *arguments], env=plain | environment, capture_output=True, text=True,
                          timeout=600, check=False)


def test_files():
    listed = run(["--list-test-cases", "--reporters=xml"], {}).stdout
    return sorted({f for f in re.findall(r'filename="([^"]+)"', listed) if not LONG.search(f)})


def modes():
    seed = {"VGPU_SEED": str(draw.randrange(1, 1 << 30))}
    return [{"VGPU_CHECK": "1"}, seed, {"VGPU_LAZY": "1"}, {"VGPU_CHECK": "1", "VGPU_LAZY": "1"} | seed,
            {"VGPU_THREADS": "2"}]


files = test_files()
rounds = assertions = failures = 0
while rounds == 0 or time.monotonic() < deadline:
    rounds += 1
    for mode in modes():
        file = draw.choice(files)
        done = run([f"--source-file={file}"], mode)
        passed = re.search(r"assertions: *\d+ \| *(\d+) passed", done.stdout)
        number = int(passed[1]) if passed else 0
        assertions += number
        print(f"{' '.join(f'{k}={v}' for k, v in mode.items())}: {number} assertions of {file}")
        if done.returncode != 0 or number == 0:
            failures += 1
            print(f"exit status {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
print(f"{assertions} assertions in {rounds} rounds of all modes, {failures} files failed")
sys.exit(failures != 0 or not files)
