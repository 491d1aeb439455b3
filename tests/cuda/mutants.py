#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes the library's kernels, an instruction in each run, to see whether their tests notice.

    mutants.py LIBRARY_DIRECTORY PROGRAM_DIRECTORY [--remake | --draw N]

The program is cuda_system, the tests of tests/system, on the virtual GPU, which makes the changes while it
loads the kernels (virtual_gpu/ptx/mutate.h). A mutant is killed if the tests then fail, plain or, if they
do not, with the virtual GPU's checks. --remake draws 300 mutants, as many of each source line as of any
other, and writes mutants.txt; it fails if less than 90 % of them are killed, or if one survives for which
survivors.txt has no reason. --draw N kills N of those in the list again, other ones each day. Without an
option all are. Prints the number of mutants in its last line.
"""
import argparse
import collections
import concurrent.futures
import datetime
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NUMBER, LEAST_KILLED = 300, 0.9
# Warp instructions of one launch, ten times what the largest needs, and seconds of a run.
LIMIT, SECONDS = 10_000_000, 120
# The test files of kernels and of functors; those of all others are in sort.h.
TESTS = {"contract": "contract_kernel add_parts_kernel", "map": "map_kernel divide_fn offset_fn",
         "reduce": "reduce_kernel", "scan": "scan_kernel scan_row_fn", "select": "histogram_kernel",
         "fault": "look_up_fn"}
here = Path(__file__).resolve().parent
folder = here.parent.parent / "include/thrustgrad/system/cuda"
list_file, reasons_file = here / "mutants.txt", here / "survivors.txt"

parser = argparse.ArgumentParser()
parser.add_argument("library", type=Path)
parser.add_argument("programs", type=Path)
parser.add_argument("--remake", action="store_true")
parser.add_argument("--draw", type=int)
options = parser.parse_args()
plain = {k: v for k, v in os.environ.items() if not k.startswith("VGPU_")}
plain |= {"LD_LIBRARY_PATH": str(options.library.resolve()), "VGPU_LIMIT": str(LIMIT)}

# place is FILE:LINE#INDEX, INDEX that of the instruction among those of the line.
Mutant = collections.namedtuple("Mutant", "place change opcode kernel")


def run(tests="*", **environment):
    """The tests of a file, up to the first that fails, under these settings: exit status and output."""
    command = [options.programs.resolve() / "cuda_system", "--abort-after=1", f"--source-file=*/{tests}.cpp"]
    try:
        done = subprocess.run(command, env=plain | environment, capture_output=True, text=True, errors="replace",
                              timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "timeout", ""
    return done.returncode, done.stdout + done.stderr


def short_names(kernels):
    """Names to read, and the same in every build: without namespaces and parameters."""
    text = subprocess.run(["c++filt"], input="\n".join(kernels), capture_output=True, text=True, check=True)
    names = []
    for name in text.stdout.splitlines():
        name = re.sub(r"\(anonymous namespace\)::|\w+::|^void ", "", name)
        name = name[: name.index(">(") + 1].replace(" >", ">")
        names.append(re.sub(r"^static_kernel<policy\w*, long, (.*)>$", r"for_each \1", name))  # CUB's
    return dict(zip(kernels, names))


def possible_mutants():
    """All mutants of the program, and under what name the program knows the kernel of each."""
    with tempfile.TemporaryDirectory() as temporary:
        listed = Path(temporary) / "list"
        status, text = run(VGPU_LIST_MUTANTS=str(listed))
        if status != 0:
            sys.exit(f"without a mutant: exit status {status}\n{text[-2000:]}")
        lines = [json.loads(line) for line in listed.read_text().splitlines()]
    lines = [m for m in lines if Path(m["file"]).parent.match("thrustgrad/system/cuda")]
    names = short_names(sorted({m["kernel"] for m in lines}))
    return {Mutant(f"{Path(m['file']).name}:{m['line']}#{m['index']}", m["change"], m["opcode"],
                   names[m["kernel"]]): m["kernel"] for m in lines if not changes_nothing(m)}


def changes_nothing(mutant):
    return mutant["change"] == "swap" and re.match(r"setp\.(eq|ne)", mutant["opcode"])


def kernel_of(mutant):
    return mutant.kernel.removeprefix("for_each ").split("<")[0]


def tests_of(mutant):
    return next((tests for tests, kernels in TESTS.items() if kernel_of(mutant) in kernels.split()), "sort")


def line_of(mutant):
    return mutant.place.split("#")[0]


def outcome(mutant, kernel):
    """'killed', 'killed by checks', 'survived', or 'impossible' if the virtual GPU cannot run it."""
    mutation = f"{kernel}@system/cuda/{mutant.place}={mutant.change}"
    for result, environment in (("killed", {}), ("killed by checks", {"VGPU_CHECK": "1"})):
        status, text = run(tests_of(mutant), VGPU_MUTATE=mutation, **environment)
        if status == 97:
            return "impossible"
        if "never applied" in text:
            sys.exit(f"{mutation} was never applied")
        if status != 0:
            return result
    return "survived"


def outcomes(mutants, kernels):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(zip(mutants, pool.map(lambda m: outcome(m, kernels[m]), mutants)))


def in_turn(mutants):
    """In random order, but of every source line one before a second one of any, and of one kernel after
    another: neither unrolled code nor a kernel that was compiled for many types counts for more."""
    chance = random.Random(1)
    places = collections.defaultdict(lambda: collections.defaultdict(list))
    for mutant in chance.sample(sorted(mutants), len(mutants)):
        places[line_of(mutant)][kernel_of(mutant)].append(mutant)
    turns = []
    for kernels in places.values():
        order = sorted((turn, chance.random(), m) for of_kernel in kernels.values()
                       for turn, m in enumerate(of_kernel))
        turns += [(turn, chance.random(), m) for turn, (_, _, m) in enumerate(order)]
    return [m for _, _, m in sorted(turns)]


def fingerprints(mutants):
    """The contents of the source files in which the mutants are."""
    names = sorted({m.place.split(":")[0] for m in mutants})
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16] for name in names}


class Reasons:
    """Why mutants may survive: lines FILE @ SOURCE LINE @ OPCODE @ CHANGE @ KERNEL @ REASON, in which
    * stands for any text."""

    def __init__(self):
        self.rows = [[part.strip() for part in line.split(" @ ")]
                     for line in reasons_file.read_text().splitlines() if line and line[0] != "#"]

    def of(self, mutant):
        file, line = line_of(mutant).split(":")
        source = (folder / file).read_text().splitlines()[int(line) - 1].strip()
        for *row, reason in self.rows:
            known = zip(row, (file, source, mutant.opcode, mutant.change, mutant.kernel))
            if all(re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), has) for wanted, has in known):
                return reason
        print("no reason:", " @ ".join((file, source, mutant.opcode, mutant.change, mutant.kernel)))
        return ""


def remake():
    kernels = possible_mutants()
    waiting, done = in_turn(kernels), []
    while len(done) < NUMBER and waiting:
        batch, waiting = waiting[: NUMBER - len(done)], waiting[NUMBER - len(done):]
        done += [(m, o) for m, o in outcomes(batch, kernels) if o != "impossible"]
    killed = [m for m, o in done if o.startswith("killed")]
    reasons = Reasons()
    why = {m: reasons.of(m) for m, o in done if o == "survived"}
    with list_file.open("w") as out:
        print("# Mutants of the kernels of include/thrustgrad/system/cuda, written by mutants.py --remake.\n"
              f"# {len(killed)} of {len(done)} are killed by the tests of tests/system, drawn from "
              f"{len(kernels)} possible ones.\n# source | fingerprint", file=out)
        for row in fingerprints(kernels).items():
            print(" | ".join(row), file=out)
        print("# outcome | file:line#instruction | change | opcode | kernel | reason", file=out)
        for m, o in sorted(done, key=lambda row: re.split(r"[:#]", row[0].place)[0:1] + [
                int(n) for n in re.split(r"[:#]", row[0].place)[1:]]):
            print(" | ".join((o, *m) + ((why[m],) if m in why else ())), file=out)
    print(f"{len(done)} mutants, {len(killed)} killed, {list(why.values()).count('')} survive without a reason")
    return "" not in why.values() and len(killed) >= LEAST_KILLED * len(done)


def kill_again(number):
    rows = [line.split(" | ") for line in list_file.read_text().splitlines() if line[0] != "#"]
    kernels = possible_mutants()
    if fingerprints(kernels) != {row[0]: row[1] for row in rows if len(row) == 2}:
        sys.exit("the kernels have changed: run mutants.py --remake")
    # Another compiler makes other instructions of the same sources: what it does not have is left out.
    killed = [m for o, *rest in rows if o.startswith("killed") and (m := Mutant(*rest[:4])) in kernels]
    if number is not None:
        if len(killed) < number:
            sys.exit("the kernels were compiled to other instructions: run mutants.py --remake")
        killed = random.Random(str(datetime.date.today())).sample(killed, number)
    survivors = [m for m, o in outcomes(killed, kernels) if not o.startswith("killed")]
    for m in survivors:
        print("survived:", " | ".join(m))
    print(f"{len(killed) - len(survivors)} mutants killed again, {len(survivors)} survived")
    return not survivors


sys.exit(0 if (remake() if options.remake else kill_again(options.draw)) else 1)
