# SPDX-License-Identifier: MIT
"""Compares the losses of the first 20 steps of examples/cifar10 on the two device systems.

    first_steps.py HOST_PROGRAM CUDA_PROGRAM

Both train on the built-in images from the same seed, in batches of 4, and are ended when the steps
are recorded. Prints the number of losses that agree to 1e-4 in its last line.
"""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS, BATCH, TOLERANCE = 20, 4, 1e-4


def losses(program, folder):
    """The losses that the program records; it would go on training, so it is interrupted."""
    recorded = folder / "steps.safetensors"
    training = subprocess.Popen([program, "--trace", str(STEPS), "--batch", str(BATCH), "--out", folder],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 600
    while training.poll() is None and not recorded.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    if training.poll() is None:
        training.send_signal(signal.SIGINT)
    output = training.communicate(timeout=120)[0]
    if training.returncode != 128 + signal.SIGINT or not recorded.exists():
        sys.exit(f"{program}: exit status {training.returncode}\n{output}")
    content = recorded.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    entry = json.loads(content[8:8 + length])["losses"]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    return struct.unpack(f"<{(end - begin) // 4}f", content[begin:end])


with tempfile.TemporaryDirectory() as name:
    host, cuda = (losses(os.path.abspath(program), Path(name) / system)
                  for program, system in zip(sys.argv[1:3], ("host", "cuda")))
differences = [abs(a - b) for a, b in zip(host, cuda, strict=True)]
agreeing = sum(d <= TOLERANCE for d in differences)
print(f"first losses {host[0]:.6f} and {cuda[0]:.6f}, last {host[-1]:.6f} and {cuda[-1]:.6f}, "
      f"largest difference {max(differences):.1e}")
print(f"{agreeing} losses agree to {TOLERANCE}, {len(differences) - agreeing} do not")
sys.exit(agreeing != STEPS)
