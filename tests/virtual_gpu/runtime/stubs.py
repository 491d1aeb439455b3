#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes stubs for the runtime functions that are not implemented, and the names of errors.

    stubs.py INCLUDE_FOLDER OUTPUT SOURCE...

Programs and libraries refer to functions that they never call; without the symbols they would not
start. A stub ends the program with the function's name. The names are those that cuda_runtime_api.h
declares (of a toolkit, or of the package nvidia-cuda-runtime), less those that the sources define.
"""
import pathlib
import re
import sys

# Entry points that no header declares; nvcc's own code and some libraries refer to them.
HIDDEN = """__cudaRegisterManagedVar __cudaRegisterHostVar __cudaRegisterUnifiedTable
__cudaInitModule __cudaGetProcAddress __cudaLaunchKernel_ptsz cudaGetExportTable cudaDeviceGetSharedMemConfig cudaDeviceSetSharedMemConfig
cudaFuncSetSharedMemConfig""".split()


def declared(header: str) -> set[str]:
    header = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header, flags=re.S)
    names = set(re.findall(r"\bCUDARTAPI\s+(cuda\w+)\s*\(", header))
    # With per-thread default streams, calls go to functions of other names.
    for name, kind in re.findall(r"#define\s+(cuda\w+)\s+__CUDART_API_(PTDS|PTSZ)\(", header):
        names.add(f"{name}_{kind.lower()}")
    return names


def defined(source: str) -> set[str]:
    # Definitions begin a line, calls do not.
    return set(re.findall(r"^[a-z]\w*(?: \w+)*[ *&]+\s*((?:__)?cuda\w+)\(", source, flags=re.M))


def main() -> None:
    include, output, *sources = map(pathlib.Path, sys.argv[1:])
    names = declared((include / "cuda_runtime_api.h").read_text()) | set(HIDDEN)
    for source in sources:
        names -= defined(source.read_text())
    errors = re.findall(r"^ *(cudaSuccess|cudaError\w+) *= *(\d+)",
                        (include / "driver_types.h").read_text(), flags=re.M)
    lines = [
        "// Made by runtime/stubs.py.",
        '#include "machine/options.h"',
        "namespace vgpu { const char* error_name(int error) {",
        "switch (error) {",
        *(f'case {number}: return "{name}";' for name, number in errors),
        'default: return "cudaErrorUnrecognized"; } } }',
        'extern "C" {',
        *(
            f"int {name}()"
            f' {{ vgpu::unsupported("the runtime function %s is not implemented", "{name}"); }}'
            for name in sorted(names)
        ),
        "}",
        "",
    ]
    output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
