#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the programs beside it in every mode of the virtual GPU.

    modes.py LIBRARY_DIRECTORY PROGRAM_DIRECTORY [NAME...]

The programs are runtime_NAME, compiled from NAME.cu. Exit status 1 if one does not end as it
should.
"""
import os
import subprocess
import sys
from pathlib import Path

CHECK, LAZY = {"VGPU_CHECK": "1"}, {"VGPU_LAZY": "1"}
MODES = [
    {}, CHECK, LAZY, LAZY | CHECK,
    {"VGPU_SEED": "1"}, LAZY | {"VGPU_SEED": "2"}, LAZY | CHECK | {"VGPU_SEED": "3"},
    {"VGPU_THREADS": "2"}, {"VGPU_COUNT": "1"}, {"VGPU_ARCHITECTURE": "90"},
]
NAMES = ["memory", "pools", "streams", "graphs", "errors", "failed_kernel", "faults", "lazy",
         "random_programs", "threads"]
EXTRA = {"failed_kernel": {"VGPU_SUPPRESS": "trap@"}}  # its trap is wanted

library, programs = (Path(a).resolve() for a in sys.argv[1:3])
plain = {k: v for k, v in os.environ.items() if not k.startswith("VGPU_")}
plain["LD_LIBRARY_PATH"] = str(library)
runs = failures = 0


def run(status, command, environment):
    global runs, failures
    runs += 1
    done = subprocess.run(command, env=plain | environment, capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode != status:
        failures += 1
        print(f"{command} {environment}: exit status {done.returncode}, not {status}")
        print((done.stdout + done.stderr)[-2000:])


for name in sys.argv[3:] or NAMES:
    program = str(programs / f"runtime_{name}")
    for mode in MODES:
        run(0, [program], mode | EXTRA.get(name, {}))
        if name == "lazy":  # without its event it is right only if nothing waits
            run(1 if "VGPU_LAZY" in mode else 0, [program, "none"], mode)
        if name == "faults" and "VGPU_SEED" not in mode:
            run(0, [sys.executable, str(Path(__file__).with_name("faults.py")), program], mode)
    print(f"{name}: {'ok' if failures == 0 else 'see above'}", flush=True)
print(f"{runs} runs, {failures} failed")
sys.exit(failures != 0)
