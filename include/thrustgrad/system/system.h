// SPDX-License-Identifier: MIT
// The seam between the library and the machine, and the only place that asks for the system. A
// system is a folder; each defines the same functions in namespace thrustgrad::device:
//
//   memory.h     allocate, deallocate, copy (which waits), trim, free_bytes, synchronize
//   for_each.h   for_each(n, body): body(i) for every i in [0, n)
//   map.h        map(f, sizes, outputs, inputs): pointwise over strided operands
//   reduce.h     reduce(monoid, ...): a fixed tree over fixed chunks
//   contract.h   contract(...): sums of products over strided operands
//   sort.h       argsort_rows(...), sort_indices(...): stable
//   scan.h       inclusive scan of rows
//   select.h     histogram of keys, positions where a mask holds
//   fault.h      positions that loops found to lie outside their axis
//   graph.h      work that is recorded once and replayed
//   timer.h      elapsed seconds
//   describe.h   what it runs on, in words
//
// Results never depend on the number of threads: chunks have fixed sizes.
#pragma once
#include "thrustgrad/config.h"

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_HOST
#include "thrustgrad/system/host/contract.h"
#include "thrustgrad/system/host/describe.h"
#include "thrustgrad/system/host/fault.h"
#include "thrustgrad/system/host/for_each.h"
#include "thrustgrad/system/host/graph.h"
#include "thrustgrad/system/host/map.h"
#include "thrustgrad/system/host/memory.h"
#include "thrustgrad/system/host/reduce.h"
#include "thrustgrad/system/host/scan.h"
#include "thrustgrad/system/host/select.h"
#include "thrustgrad/system/host/sort.h"
#include "thrustgrad/system/host/timer.h"
#elif !defined(__CUDACC__)
#error \
    "thrustgrad: only nvcc compiles the cuda system; use it, or -DTHRUSTGRAD_SYSTEM=THRUSTGRAD_SYSTEM_HOST"
#else
#include "thrustgrad/system/cuda/contract.h"
#include "thrustgrad/system/cuda/describe.h"
#include "thrustgrad/system/cuda/fault.h"
#include "thrustgrad/system/cuda/for_each.h"
#include "thrustgrad/system/cuda/graph.h"
#include "thrustgrad/system/cuda/map.h"
#include "thrustgrad/system/cuda/memory.h"
#include "thrustgrad/system/cuda/reduce.h"
#include "thrustgrad/system/cuda/scan.h"
#include "thrustgrad/system/cuda/select.h"
#include "thrustgrad/system/cuda/sort.h"
#include "thrustgrad/system/cuda/timer.h"
#endif
