#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes reference.safetensors with the reference implementation of the format.

pip install safetensors==0.8.0 numpy; the file is kept beside this script, so that the tests need
neither. "conv.weight" has PyTorch's layout, (k, c, r, s), and numbers that tell where they stand.
"""

import pathlib

import numpy as np
import safetensors


def bf16(values):
    """The upper halves of floats, which the values fill exactly."""
    return (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


k, c, r, s = np.indices((2, 3, 2, 4))
tensors = {
    "conv.weight": (1000 * k + 100 * c + 10 * r + s).astype(np.float32),
    "conv.bias": np.array([0.5, -2.0], np.float32),
    "norm.weight": bf16([1.0, -0.5, 3.0]),
    "norm.running_mean": np.array([0.25, np.inf], np.float64),
    "norm.num_batches_tracked": np.array(7, np.int64),
    "half": np.array([[1.5], [-65504.0]], np.float16),
    "indices": np.array([-1, 2147483647], np.int32),
    "bytes": np.arange(250, 256, dtype=np.uint8),
    "mask": np.array([True, False, True]),
    "empty": np.zeros((0, 3), np.float32),
    'é "q" \\ /': np.array(-0.0, np.float32),
    "other": np.array([-3, 4], np.int16),
}
specs = {
    name: safetensors.TensorSpec(
        dtype="bfloat16" if x.dtype == np.uint16 else x.dtype.name,
        shape=x.shape,
        data_ptr=x.ctypes.data,
        data_len=x.nbytes,
    )
    for name, x in tensors.items()
}
path = pathlib.Path(__file__).with_name("reference.safetensors")
path.write_bytes(safetensors.serialize(specs, metadata={"format": "pt"}))
print(path, path.stat().st_size, "bytes")
