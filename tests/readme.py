# SPDX-License-Identifier: MIT
# Whether README.md tells the truth: its C++ is an excerpt of programs that are compiled and run, its
# operations and types are in the headers, and its paths exist. Prints what it checked, or what is wrong.
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def read_all(pattern):
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.glob(pattern))}


PROGRAMS = {**read_all("examples/*.cpp"), **read_all("tests/*/*.cpp")}
HEADERS = "\n".join(re.sub(r"//[^\n]*", "", text) for text in read_all("include/thrustgrad/**/*.h").values())
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S)


def excerpts():
    """the C++ of the README stands in a program, line by line"""
    for block in re.findall(r"^```cpp\n(.*?)^```$", README, flags=re.M | re.S):
        wanted = textwrap.dedent(block).splitlines()
        yield f"'{wanted[0]}' ...", any(contains(text.splitlines(), wanted) for text in PROGRAMS.values())


def contains(lines, wanted):
    """Whether the lines contain the wanted ones, all of them indented by the same amount."""
    for start in range(len(lines) - len(wanted) + 1):
        part = textwrap.dedent("\n".join(lines[start:start + len(wanted)])).splitlines()
        if part == wanted:
            return True
    return False


def names():
    """what the README names in code is declared in a header"""
    for code in sorted(set(re.findall(r"`([^`\n]+)`", PROSE))):
        name = re.match(r"(?:thrustgrad::)?([A-Za-z_]\w*)(?:<\w+>)?(?:\(.*\))?$", code)
        if name and (not name[1].isupper() or name[1].startswith("THRUSTGRAD")):
            yield f"`{code}`", re.search(rf"\b{name[1]}\b", HEADERS) is not None


def paths():
    """the paths that the README names exist"""
    found = set(re.findall(r"(?<![\w/])((?:tests|examples|include|bench)/[\w./]*\w)", README)) | {"LICENSE"}
    for path in sorted(found):
        yield path, (ROOT / path).exists()


def main():
    checked = wrong = 0
    for check in (excerpts, names, paths):
        for what, holds in check():
            checked += 1
            wrong += not holds
            if not holds:
                print(f"{what}: not so: {check.__doc__}")
    print(f"{checked} statements of the README checked, {wrong} wrong")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
