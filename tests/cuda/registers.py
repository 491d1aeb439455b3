# SPDX-License-Identifier: MIT
"""Tells what the kernels need on real devices.

    registers.py REPORT [--remake]

REPORT is what ptxas says of the kernels of ../bits/bits.cpp, which uses every primitive with most element
types (CMakeLists.txt compiles it, with warnings and spills as errors). Fails if one spills registers to
memory, or needs more than registers.md says (eight registers more are allowed, since compilers differ).
--remake writes that table. Prints the number of compiled kernels in its last line.
"""
import re
import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("registers.md")
ARCHITECTURES = ["sm_80", "sm_90a", "sm_100"]
SLACK = 8

report = Path(sys.argv[1]).read_text()


def short(name):
    """The kernel of a mangled name: the functors of for_each tell more than CUB's name for it."""
    text = subprocess.run(["c++filt", name], capture_output=True, text=True, check=True).stdout.strip()
    text = re.sub(r"thrustgrad::\w+::|device::|detail::|\(anonymous namespace\)::", "", text)
    if "contract_kernel" in text or "add_parts" in text:
        return re.sub(r"\(.*|^void ", "", text)
    found = re.search(r"cub::\w+::\w+::(?:\w+::)*(\w+)<", text) or re.search(r"(\w+)<", text) or \
        re.search(r"(\w+)\(", text)
    return ("CUB: " if "cub::" in text else "") + found[1]


# kernel -> architecture -> [(registers, shared memory)]
needs, spills, compiled = {}, [], 0
for block in re.split(r"ptxas info\s*: Compiling entry function ", report)[1:]:
    name, architecture = re.match(r"'(\w+)' for '(\w+)'", block).groups()
    registers = int(re.search(r"Used (\d+) registers", block)[1])
    shared = re.search(r"(\d+) bytes smem", block)
    spilled = re.search(r"(\d+) bytes spill stores", block)
    compiled += 1
    if spilled and int(spilled[1]) > 0:
        spills.append(f"{short(name)} for {architecture} spills {spilled[1]} bytes")
    needs.setdefault(short(name), {}).setdefault(architecture, []).append(
        (registers, int(shared[1]) if shared else 0))


def span(values):
    low, high = min(values), max(values)
    return str(high) if low == high else f"{low} to {high}"


lines = ["# What the kernels need", "",
         "Made by `registers.py --remake` from the kernels of [bits.cpp](../bits/bits.cpp), with nvcc 13.0. Registers",
         "a thread, and bytes of shared memory a block that are fixed when it is compiled. None spills.", "",
         "| kernel | instantiations | " + " | ".join(f"registers, {a}" for a in ARCHITECTURES) + " | shared |",
         "|---|---|" + "---|" * (len(ARCHITECTURES) + 1)]
most = {}
for kernel, by_architecture in sorted(needs.items()):
    row = [span([r for r, _ in by_architecture.get(a, [(0, 0)])]) for a in ARCHITECTURES]
    most[kernel] = max(r for found in by_architecture.values() for r, _ in found)
    shared = span([s for found in by_architecture.values() for _, s in found])
    count = max(len(found) for found in by_architecture.values())
    lines.append(f"| `{kernel}` | {count} | {' | '.join(row)} | {shared} |")

failures = list(spills)
if "--remake" in sys.argv:
    TABLE.write_text("\n".join(lines) + "\n")
else:
    for line in TABLE.read_text().splitlines():
        if found := re.match(r"\| `(.+)` \| \d+ \| (.+) \| [^|]+ \|$", line):
            allowed = max(int(n) for n in re.findall(r"\d+", found[2])) + SLACK
            if most.pop(found[1], allowed) > allowed:
                failures.append(f"{found[1]} needs more than {allowed} registers")
    failures += [f"{kernel} is not in {TABLE.name}: run registers.py --remake" for kernel in most]
print("\n".join(failures))
print(f"{compiled} kernels compiled for {', '.join(ARCHITECTURES)}, {len(failures)} complaints")
sys.exit(bool(failures) or compiled == 0)
