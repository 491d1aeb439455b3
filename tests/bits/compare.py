# SPDX-License-Identifier: MIT
"""Compares what bits.cpp prints on two device systems.

    compare.py HOST_PROGRAM CUDA_PROGRAM

Prints the number of operations with the same bits in its last line; exit status 1 if one differs.
"""
import itertools
import subprocess
import sys


def results(program):
    text = subprocess.run([program], capture_output=True, text=True, timeout=600, check=True).stdout
    return text.splitlines()


host, cuda = (results(program) for program in sys.argv[1:3])
different = [pair for pair in itertools.zip_longest(host, cuda) if pair[0] != pair[1]]
for pair in different:
    print(f"{pair[0]} on the host, {pair[1]} on cuda")
print(f"{len(host) - len(different)} operations with the same bits, {len(different)} not")
sys.exit(bool(different) or not host)
