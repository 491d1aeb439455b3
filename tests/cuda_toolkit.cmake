# SPDX-License-Identifier: MIT
# nvcc for the tests: the one that is installed, else NVIDIA's compiler from PyPI (100 MB), which
# needs neither a GPU nor root. Sets THRUSTGRAD_NVCC, which stays empty if there is no way to get one.

find_program(THRUSTGRAD_NVCC NAMES nvcc HINTS "$ENV{CUDA_PATH}/bin" /usr/local/cuda/bin
                                              "${PROJECT_BINARY_DIR}/cuda/nvidia/cu13/bin")
# A program of that name may be what is left of a toolkit.
if(THRUSTGRAD_NVCC)
  set(probe "${PROJECT_BINARY_DIR}/nvcc_probe.cu")
  file(WRITE "${probe}" "__global__ void kernel() {}\n#include <cuda_runtime.h>\n")
  execute_process(COMMAND ${THRUSTGRAD_NVCC} -ptx "${probe}" -o "${probe}.ptx" RESULT_VARIABLE failed
                  OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    message(STATUS "${THRUSTGRAD_NVCC} does not compile an empty kernel")
    set(THRUSTGRAD_NVCC "" CACHE FILEPATH "nvcc" FORCE)
  endif()
endif()
if(NOT THRUSTGRAD_NVCC AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  fetch_wheels(failure
    "nvidia-cuda-nvcc==13.0.88 --hash=sha256:56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03"
    "nvidia-nvvm==13.0.88 --hash=sha256:c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0"
    "nvidia-cuda-crt==13.0.88 --hash=sha256:2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4"
    "nvidia-cuda-runtime==13.0.88 --hash=sha256:422a38f7c739ecbdd3a4b6ec7ed0a1d74db43d8e9bc26685f3d845638922b178"
    "nvidia-cuda-cccl==13.0.85 --hash=sha256:e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649")
  if(failure)
    message(WARNING "No nvcc, so CUDA will not be tested: ${failure}")
  else() # wheels keep neither the permission to run nor the links of a toolkit
    set(toolkit "${PROJECT_BINARY_DIR}/cuda/nvidia/cu13")
    file(GLOB programs "${toolkit}/bin/*" "${toolkit}/nvvm/bin/*")
    list(FILTER programs EXCLUDE REGEX "/crt$|[.]profile$")
    file(CHMOD ${programs} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                       WORLD_READ WORLD_EXECUTE)
    file(CREATE_LINK libcudart.so.13 "${toolkit}/lib/libcudart.so" SYMBOLIC)
    file(CREATE_LINK lib "${toolkit}/lib64" SYMBOLIC)
    set(THRUSTGRAD_NVCC "${toolkit}/bin/nvcc" CACHE FILEPATH "nvcc" FORCE)
  endif()
endif()
