# SPDX-License-Identifier: MIT
# The rules of the source tree. Prints each violation, or how many rules were checked on how many files.
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include" / "thrustgrad"

# A header includes its own layer and lower ones. Longer prefixes first: the few headers of core that a
# device system needs (element types, shapes, scalar functions) lie below it.
LAYERS = [
    ("config.h", 0), ("version.h", 0), ("error.h", 0),
    ("core/dtype.h", 1), ("core/shape.h", 1), ("core/number.h", 1), ("core/math.h", 1),
    ("system/", 2), ("core/", 3), ("autograd/", 4), ("ops/", 5),
    ("nn/", 6), ("optim/", 6), ("data/", 6), ("io/", 6), ("interop/", 6),
    ("thrustgrad.h", 7),
]
LARGEST_LIBRARY, LARGEST_FILE, LONG_FILE, LARGEST_COUNT_OF_IF = 12000, 330, 250, 4

DOORS = ("system/system.h", "system/thrust.h")

RULES = {}


def rule(check):
    """Registers a generator of violations under its docstring."""
    RULES[check.__doc__] = check
    return check


def without_comments(text):
    """The code with comments and string literals blanked, lines kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def layer(name):
    """The layer of a header, named relative to include/thrustgrad; None if it has none."""
    return next((number for prefix, number in LAYERS if name.startswith(prefix)), None)


TEXT = {str(path.relative_to(INCLUDE)): path.read_text()
        for path in sorted(INCLUDE.rglob("*")) if path.suffix in (".h", ".cuh")}
CODE = {name: without_comments(text) for name, text in TEXT.items()}


def own_includes(name):
    return re.findall(r'^\s*#\s*include\s+["<]thrustgrad/([^">]+)[">]', TEXT[name], flags=re.M)


@rule
def layers():
    """a header includes its own layer or lower ones"""
    for name in TEXT:
        if layer(name) is None:
            yield f"{name}: stands in no layer"
            continue
        for included in own_includes(name):
            if included not in TEXT:
                yield f"{name}: includes thrustgrad/{included}, which is not there"
            elif layer(included) is not None and layer(included) > layer(name):
                yield f"{name}: includes {included} of a higher layer"


@rule
def full_paths():
    """own headers are included as "thrustgrad/..." """
    for name, text in TEXT.items():
        for included in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, flags=re.M):
            if not included.startswith("thrustgrad/"):
                yield f'{name}: includes "{included}"'


@rule
def no_cycles():
    """no header includes itself, directly or through others"""
    def reach(name, path):
        for included in own_includes(name):
            if included in path:
                yield f"{' -> '.join(path[path.index(included):])} -> {included}"
            elif included in TEXT and included not in done:
                yield from reach(included, path + [included])
        done.add(name)
    done = set()
    for name in TEXT:
        if name not in done:
            yield from reach(name, [name])


@rule
def one_door():
    """only system/system.h and system/thrust.h include system/host or system/cuda"""
    for name in TEXT:
        inside = re.match(r"system/(host|cuda)/", name)
        for included in own_includes(name):
            target = re.match(r"system/(host|cuda)/", included)
            if target and name not in DOORS and not (inside and inside[0] == target[0]):
                yield f"{name}: includes {included}"


@rule
def device_code():
    """only .cuh files contain __global__, <<< or asm"""
    for name, code in CODE.items():
        for line, text in enumerate(code.splitlines(), 1):
            if not name.endswith(".cuh") and re.search(r"__global__|<<<|\b(__)?asm(__)?\b", text):
                yield f"{name}:{line}: {text.strip()}"


@rule
def thrust_inside():
    """only system/ and interop/ name Thrust and CUB"""
    for name, code in CODE.items():
        for line, text in enumerate(code.splitlines(), 1):
            if not name.startswith(("system/", "interop/")) and re.search(r"\b(thrust|cub)::", text):
                yield f"{name}:{line}: {text.strip()}"


@rule
def same_files():
    """the same headers of system/host and of system/cuda are included from above"""
    host, cuda = ({name.split("/")[-1] for door in DOORS for name in own_includes(door)
                   if name.startswith(f"system/{system}/")} for system in ("host", "cuda"))
    yield from (f"{name} is included of one system only" for name in sorted(host ^ cuda))


@rule
def pragma_once():
    """every header has #pragma once, once"""
    for name, text in TEXT.items():
        if len(re.findall(r"^#pragma once$", text, flags=re.M)) != 1:
            yield f"{name}"


@rule
def opening_comment():
    """every header opens with its licence line and a comment that says what it is"""
    for name, text in TEXT.items():
        lines = text.splitlines()
        if lines[0] != "// SPDX-License-Identifier: MIT" or not re.match(r"(// ?)+\w", "".join(lines[1:3])):
            yield f"{name}"


@rule
def conditionals():
    """at most four #if outside system/ and config.h"""
    found = [f"{name}:{line}" for name, code in CODE.items()
             if name != "config.h" and not name.startswith("system/")
             for line, text in enumerate(code.splitlines(), 1) if re.match(r"\s*#\s*if", text)]
    if len(found) > LARGEST_COUNT_OF_IF:
        yield ", ".join(found)


@rule
def no_macros():
    """macros are defined in config.h, version.h and system/ only"""
    for name, code in CODE.items():
        if name not in ("config.h", "version.h") and not name.startswith("system/"):
            for line, text in enumerate(code.splitlines(), 1):
                if re.match(r"\s*#\s*define\b", text):
                    yield f"{name}:{line}: {text.strip()}"


@rule
def no_virtual():
    """no virtual functions"""
    for name, code in CODE.items():
        for line, text in enumerate(code.splitlines(), 1):
            if re.search(r"\bvirtual\b", text):
                yield f"{name}:{line}: {text.strip()}"


@rule
def library_size():
    """the library has fewer than 12,000 lines"""
    lines = sum(text.count("\n") for text in TEXT.values())
    if lines >= LARGEST_LIBRARY:
        yield f"{lines} lines"


@rule
def file_size():
    """no file has more than 330 lines"""
    for name, text in TEXT.items():
        lines = text.count("\n")
        if lines > LARGEST_FILE:
            yield f"{name}: {lines} lines"
        elif lines > LONG_FILE:
            print(f"note: {name} has {lines} lines, more than {LONG_FILE}")


@rule
def umbrella():
    """thrustgrad.h reaches every header but those of a device system, io/image.h and Thrust's"""
    reached, pending = set(), ["thrustgrad.h"] if "thrustgrad.h" in TEXT else []
    while pending:
        name = pending.pop()
        if name in TEXT and name not in reached:
            reached.add(name)
            pending += own_includes(name)
    for name in TEXT:
        opt_in = name in ("io/image.h", "interop/thrust.h", "system/thrust.h")
        if name not in reached and not opt_in and not re.match(r"system/(host|cuda)/", name):
            yield f"{name}: not reached"


@rule
def tests_exist():
    """every public header outside system/ has a test file of its name, or one that includes it"""
    tested = "\n".join(path.read_text() for path in (ROOT / "tests").glob("*/*.cpp"))
    for name in TEXT:
        path = Path(name)
        if len(path.parts) == 2 and path.parts[0] != "system":
            named = list((ROOT / "tests" / path.parts[0]).glob(f"{path.stem}*.cpp"))
            if not named and f'"thrustgrad/{name}"' not in tested:
                yield f"{name}: no tests/{path.with_suffix('.cpp')}, and no test includes it"


def main():
    failed = 0
    for description, check in RULES.items():
        violations = list(check()) if TEXT else ["no headers found"]
        for violation in violations:
            print(f"{description.strip()}: {violation}")
        failed += bool(violations)
    print(f"{len(RULES) - failed} rules hold, {failed} do not, on {len(TEXT)} files")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
