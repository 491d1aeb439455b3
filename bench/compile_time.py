# SPDX-License-Identifier: MIT
# What does the library cost at compile time? Seconds for including all of it, and for one more
# pointwise op with its gradient; best of three at -O2. Needs a configured folder (tests/run makes one).
# usage: python3 bench/compile_time.py [build folder, default build/host]
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# How each compiler is asked for the device system that it builds: nvcc for one device, kernels included.
COMPILERS = {"g++": ["-fopenmp"], "clang++": ["-fopenmp"], "nvcc": ["-x", "cu", "-arch=sm_80"]}

EMPTY = "int main() {}\n"
INCLUDE = "#include <thrustgrad/thrustgrad.h>\nint main() {}\n"
OP = """
struct op_{n}_fn {{
  THRUSTGRAD_FN auto operator()(auto x) const {{ return x / (x * x + {n}.5f); }}
}};
thrustgrad::Tensor<float> op_{n}(const thrustgrad::Tensor<float>& x) {{ return thrustgrad::map(op_{n}_fn{{}}, x); }}
"""


def program(ops):
    return INCLUDE.replace("int main", "".join(OP.format(n=n) for n in range(ops)) + "int main")


def include_flags(build):
    """The -I, -isystem and -D options with which the build compiles the library's users."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        if str(ROOT / "include") in " ".join(words):
            flags = [word for word in words if word.startswith(("-I", "-D"))]
            for option, value in zip(words, words[1:]):
                if option == "-isystem":
                    flags += [option, value]
            return flags
    sys.exit(f"{build}: no file that includes the library is compiled there")


def seconds(compiler, flags, text):
    """The best of three compilations; ends the script with the compiler's words if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "unit.cpp"
        source.write_text(text)
        command = [compiler, "-std=c++20", "-O2", *COMPILERS[compiler], *flags, "-c", source, "-o", f"{source}.o"]
        times = []
        for _ in range(3):
            start = time.perf_counter()
            result = subprocess.run(command, capture_output=True, text=True)
            times.append(time.perf_counter() - start)
            if result.returncode != 0:
                sys.exit(result.stderr[:4000])
        return min(times)


def main():
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "host"
    flags = include_flags(build)
    print(f"{'compiler':10} {'all headers':>12} {'one more op':>12}   (seconds)")
    for compiler in COMPILERS:
        if shutil.which(compiler):
            everything = seconds(compiler, flags, INCLUDE) - seconds(compiler, flags, EMPTY)
            # The difference of five ops and one: the first op also pays for what all ops share.
            op = (seconds(compiler, flags, program(5)) - seconds(compiler, flags, program(1))) / 4
            print(f"{compiler:10} {everything:12.2f} {op:12.2f}")


if __name__ == "__main__":
    main()
