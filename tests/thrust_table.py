# SPDX-License-Identifier: MIT
# Which Thrust and CUB algorithms the library calls: the table below is the design, and this script
# fails if the headers call others or no longer call one of these.
import re
import sys
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent / "include" / "thrustgrad"

# where: {algorithm: what for}
EXPECTED = {
    "system/host": {
        "thrust::for_each_n": "map, bodies, contraction: a chunk an iteration",
        "thrust::transform": "reduce: one partial a chunk",
        "thrust::stable_sort_by_key": "sort, argsort, topk, epoch permutation, scatter_add",
        "thrust::inclusive_scan": "cumsum",
        "thrust::reduce_by_key": "histogram",
        "thrust::sort": "histogram",
        "thrust::copy_if": "select",
    },
    "system/cuda": {
        "cub::DeviceFor::Bulk": "bodies",
        "cub::DeviceRadixSort::SortPairs": "sort, argsort, topk, epoch permutation, scatter_add",
        "cub::DeviceSelect::Flagged": "select",
    },
}

# Names of Thrust and CUB that are no algorithms.
ACCESSORIES = re.compile(
    r"thrust::(omp|seq|host|device|system|cuda|detail|mr|(\w+_)?iterator(_\w+)?|make_\w+|tuple|get|pair"
    r"|plus|minus|multiplies|minimum|maximum|less|greater|equal_to|identity|\w+_tag|\w*pointer\w*"
    r"|raw_pointer_cast|no_traversal\w*|discard_\w+)$")


def algorithms(folder):
    """The thrust:: and cub:: algorithms named in the code of a folder, with one place each."""
    places = {}
    for path in sorted((INCLUDE / folder).rglob("*")):
        if path.suffix not in (".h", ".cuh"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("//")[0]
            for name in re.findall(r"\b(?:thrust::\w+|cub::Device\w+::\w+|cub::Device\w+)", code):
                if not ACCESSORIES.match(name):
                    places.setdefault(name, f"{path.relative_to(INCLUDE)}:{number}")
    return places


def main():
    wrong = 0
    matched = 0
    for folder, expected in EXPECTED.items():
        called = algorithms(folder)
        for name in sorted(called.keys() - expected.keys()):
            print(f"{called[name]} calls {name}, which is not in the table")
            wrong += 1
        for name in sorted(expected.keys() - called.keys()):
            print(f"{folder} does not call {name} ({expected[name]})")
            wrong += 1
        matched += len(called.keys() & expected.keys())
    print(f"{matched} algorithms as in the table, {wrong} not")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
