#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs planted bugs on the virtual GPU, each with its corrected program, and prints how each is found.

    table.py LIBRARY_DIRECTORY PROGRAM_DIRECTORY [NAME...]

The programs are bugs_TOPIC, compiled from TOPIC.cu beside this file. Each bug must be found by the kind
of report that stands here, at a line marked `// found: NAME`, and the corrected program must give the
right result without any report. Exit status 1 if one is missed, found elsewhere, or a false alarm is
raised.
"""
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LAZY = {"VGPU_LAZY": "1"}


class Pair(NamedTuple):
    topic: str
    name: str
    kind: str  # of the report; "wrong result": there is none
    environment: dict = {}
    status: int = 99
    at_line: bool = True  # the report names a line of the kernel


PAIRS = [
    Pair("races", "read_without_barrier", "race"),
    Pair("races", "overwrite_without_barrier", "race"),
    Pair("races", "write_twice", "race"),
    Pair("races", "missing_syncwarp", "race"),
    Pair("races", "overwrite_without_syncwarp", "race"),
    Pair("races", "lanes_store_one_word", "race"),
    Pair("races", "histogram_without_atomics", "race"),
    Pair("races", "blocks_add_without_atomics", "race"),
    Pair("races", "flag_without_fence", "race"),
    Pair("races", "fence_too_early", "race"),
    Pair("races", "block_fence", "race"),
    Pair("races", "last_block_without_fence", "race"),
    Pair("races", "lock_without_fence", "race"),
    Pair("races", "block_barrier_for_grid", "race"),
    Pair("memory", "global_off_by_one", "out of bounds"),
    Pair("memory", "shared_off_by_one", "out of bounds"),
    Pair("memory", "negative_index", "out of bounds"),
    Pair("memory", "use_after_free", "use after free"),
    Pair("memory", "freed_row", "use after free"),
    Pair("memory", "uninitialised_global", "uninitialised read"),
    Pair("memory", "uninitialised_shared", "uninitialised read"),
    Pair("memory", "partly_uninitialised", "uninitialised read"),
    Pair("memory", "host_pointer", "not device memory"),
    Pair("memory", "null_pointer", "null pointer"),
    Pair("memory", "misaligned", "misaligned"),
    Pair("memory", "local_out_of_bounds", "out of bounds"),
    Pair("memory", "endless_recursion", "stack overflow"),
    Pair("memory", "dynamic_shared_too_small", "out of bounds"),
    Pair("copies", "group_too_few", "copy not waited for"),
    Pair("copies", "copy_without_wait", "copy not waited for"),
    Pair("copies", "copy_without_barrier", "race"),
    Pair("copies", "tile_overwritten", "race"),
    Pair("copies", "copy_past_the_end", "out of bounds"),
    Pair("barriers", "divergent_barrier", "divergent barrier"),
    Pair("barriers", "barrier_in_half_the_block", "livelock"),
    Pair("barriers", "endless_wait", "livelock"),
    Pair("barriers", "lane_does_not_come", "deadlock"),
    Pair("barriers", "mask_without_own_lane", "sync mask"),
    Pair("barriers", "shuffle_from_absent_lane", "absent lane"),
    Pair("streams", "missing_event", "uninitialised read", LAZY),
    Pair("streams", "read_before_synchronising", "wrong result", LAZY, 1, False),
    Pair("streams", "free_on_other_stream", "use after free", LAZY),
    Pair("host", "double_free", "invalid free", at_line=False),
    Pair("host", "invalid_free", "invalid free", at_line=False),
    Pair("host", "device_pointer_on_host", "device pointer on the host", {}, 98, False),
    Pair("host", "copy_too_long", "invalid range", at_line=False),
    Pair("host", "memset_too_long", "invalid range", at_line=False),
    Pair("host", "copy_from_freed", "invalid range", at_line=False),
]


class Outcome(NamedTuple):
    status: int
    result: str
    reports: list  # (kind, places as (file name, line))


def run(pair, variant, checked):
    library, programs = sys.argv[1:3]
    environment = dict(os.environ, LD_LIBRARY_PATH=library, VGPU_LIMIT="1000000")
    environment.pop("VGPU_CHECK", None)
    if checked:
        environment.update(VGPU_CHECK="1", **pair.environment)
    program = str(Path(programs).resolve() / f"bugs_{pair.topic}")
    try:
        done = subprocess.run([program, pair.name, variant], env=environment, capture_output=True,
                              text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(-1, "no end", [])
    reports = []
    for text in done.stderr.split("vgpu: ERROR ")[1:]:
        places = re.findall(r"(?:source|inlined at) (\S+?):(\d+)", text)
        places = [(Path(file).name, int(line)) for file, line in places]
        reports.append((text.split(":")[0], places))
    result = re.search(r"^result (\w+)", done.stdout, re.MULTILINE)
    return Outcome(done.returncode, result[1] if result else f"exit {done.returncode}", reports)


def marked_lines(pair):
    source = Path(__file__).with_name(f"{pair.topic}.cu")
    for number, line in enumerate(source.read_text().splitlines(), 1):
        mark = re.search(r"// found: (.*)", line)
        if mark and pair.name in mark[1].split():
            yield (source.name, number)


def judge(pair, bug, good):
    """What is wrong with how a pair came out; "" if nothing is."""
    if good.reports:
        return "FALSE ALARM: " + good.reports[0][0]
    if good.result != "right" or good.status != 0:
        return f"the corrected program: {good.result}, exit {good.status}"
    if pair.kind == "wrong result":
        return "" if bug.result == "wrong" else "MISSED"
    found = [places for kind, places in bug.reports if kind == pair.kind]
    if not found:
        return "MISSED"
    if bug.status != pair.status:
        return f"exit status {bug.status}"
    if pair.at_line and not set(marked_lines(pair)) & {p for places in found for p in places}:
        return f"WRONG LINE {found[0]}"
    return ""


def main():
    names = sys.argv[3:]
    pairs = [pair for pair in PAIRS if not names or pair.name in names]
    failures = 0
    print(f"{'planted bug':28} {'unchecked':12} {'found as':28} verdict")
    for pair in pairs:
        unchecked, bug, good = run(pair, "bug", False), run(pair, "bug", True), run(pair, "good", True)
        wrong = judge(pair, bug, good)
        failures += wrong != ""
        kinds = list(dict.fromkeys(kind for kind, _ in bug.reports))
        if pair.kind in kinds:
            kinds.remove(pair.kind)
            kinds.insert(0, pair.kind)
        found = kinds[0] + (f" (+{len(kinds) - 1})" if kinds[1:] else "") if kinds else bug.result
        print(f"{pair.name:28} {unchecked.result:12} {found:28} {wrong or 'ok'}", flush=True)
    if failures:
        print(f"{len(pairs)} pairs: {failures} FAILED")
        sys.exit(1)
    print(f"{len(pairs)} pairs: all found, no false alarm")


if __name__ == "__main__":
    main()
