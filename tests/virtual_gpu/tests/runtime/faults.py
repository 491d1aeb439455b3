#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets every runtime call of a program fail in turn: faults.py PROGRAM.

With VGPU_FAIL_CALL=n, n = 1, 2, ..., the program must end with exit status 3, until n is beyond its
calls and it ends with 0. The same with VGPU_FAIL_LAUNCH.
"""
import os
import subprocess
import sys


def sweep(program: str, variable: str) -> int:
    for n in range(1, 1000):
        run = subprocess.run([program], env={**os.environ, variable: str(n)}, capture_output=True)
        if run.returncode == 0:
            return n - 1
        if run.returncode != 3:
            sys.exit(f"{variable}={n}: exit status {run.returncode}\n{run.stdout}\n{run.stderr}")
    sys.exit(f"{variable}: no end")


calls, launches = (sweep(sys.argv[1], f"VGPU_FAIL_{what}") for what in ("CALL", "LAUNCH"))
print(f"faults: {calls} calls and {launches} launches failed, each in good order")
sys.exit(calls == 0 or launches == 0)
