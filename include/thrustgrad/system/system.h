// SPDX-License-Identifier: MIT
// The seam between the library and the machine, and the only place that asks for the system. A
// system is a folder; each defines the same functions in namespace thrustgrad::device:
//
//   memory.h     allocate, deallocate, copy, fill_zero, synchronize
//   for_each.h   for_each(n, body): body(i) for every i in [0, n)
//   map.h        map(f, sizes, outputs, inputs): pointwise over strided operands
//   reduce.h     reduce(monoid, ...): a fixed tree over fixed chunks
//   contract.h   contract(...): sums of products over strided operands
//   sort.h       sort_rows(...): stable, with positions
//   scan.h       inclusive scan of rows
//   select.h     histogram of keys, positions where a mask holds
//   timer.h      elapsed seconds
//
// Results never depend on the number of threads: chunks have fixed sizes.
#pragma once
#include "thrustgrad/config.h"

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_HOST
#include "thrustgrad/system/host/contract.h"
#include "thrustgrad/system/host/for_each.h"
#include "thrustgrad/system/host/map.h"
#include "thrustgrad/system/host/memory.h"
#include "thrustgrad/system/host/reduce.h"
#include "thrustgrad/system/host/scan.h"
#include "thrustgrad/system/host/select.h"
#include "thrustgrad/system/host/sort.h"
#include "thrustgrad/system/host/timer.h"
#else
#error \
    "thrustgrad: the cuda system is not part of this version; build with -DTHRUSTGRAD_SYSTEM=THRUSTGRAD_SYSTEM_HOST"
#endif
