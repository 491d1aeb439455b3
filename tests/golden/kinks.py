# SPDX-License-Identifier: MIT
"""Cases at ties, kinks and special values, where conventions differ. Inputs are recorded too."""

import math
import warnings

import torch
import torch.nn.functional as F

from recorder import note, plain, record, section

INF, NAN = math.inf, math.nan


def kink(name, function, comment="", **inputs):
    note(f"kink_{name}: {comment or 'elementwise'}")
    leaves = {
        key: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for key, value in inputs.items()
    }
    for key, leaf in leaves.items():
        record(f"kink_{name}_{key}", leaf)
    y = function(*leaves.values())
    record(f"kink_{name}_y", y)
    (y.reshape(-1) * torch.arange(1, y.numel() + 1)).sum().backward()
    for key, leaf in leaves.items():
        record(f"kink_{name}_g{key}", leaf.grad)


def pointwise():
    tied, other = [1.0, -2.0, 0.0, 3.0, NAN, 1.0], [1.0, -2.0, -0.0, 4.0, 1.0, NAN]
    kink("maximum", torch.maximum, a=tied, b=other)
    kink("minimum", torch.minimum, a=tied, b=other)
    around = [-1.0, -0.0, 0.0, 1.0, NAN, INF, -INF]
    kink("abs", torch.abs, x=around)
    kink("relu", F.relu, x=around)
    kink("leaky_relu", lambda x: F.leaky_relu(x, 0.1), "slope 0.1", x=around)
    kink("celu", lambda x: F.celu(x, 0.25), "alpha 0.25", x=around)
    kink("silu", F.silu, x=[-1e4, -100.0, -0.0, 0.0, 100.0, 1e4])
    kink("gelu", F.gelu, x=[-1e4, -40.0, -0.0, 0.0, 40.0, 1e4])
    kink(
        "gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), x=[-1e4, -40.0, -0.0, 0.0, 40.0, 1e4]
    )
    kink("sigmoid", torch.sigmoid, x=[-1e4, -800.0, 0.0, 800.0, INF, -INF])
    kink(
        "softplus", F.softplus, "PyTorch returns x above 20", x=[-1e4, -50.0, 0.0, 20.0, 20.5, 1e4]
    )
    kink(
        "clamp",
        lambda x: x.clamp(-1, 1),
        "to [-1, 1]; PyTorch up to 2.12 passed the gradient at the bounds",
        x=[-2.0, -1.0, 0.0, 1.0, 2.0, NAN],
    )
    kink("sqrt", torch.sqrt, x=[0.0, 4.0, -1.0])
    kink("rsqrt", torch.rsqrt, x=[0.0, 4.0])
    kink("log", torch.log, x=[0.0, 1.0, -1.0])
    kink("pow_0", lambda x: x**0.0, "exponent 0", x=[0.0, 2.0, -2.0])
    kink("pow_half", lambda x: x**0.5, "exponent 0.5", x=[0.0, 4.0, -1.0])
    kink("pow_1", lambda x: x**1.0, "exponent 1", x=[0.0, 2.0, -2.0])
    kink("pow_2", lambda x: x**2.0, "exponent 2", x=[0.0, 2.0, -2.0])
    kink("pow_3", lambda x: x**3.0, "exponent 3", x=[0.0, 2.0, -2.0])
    kink("pow_minus_1", lambda x: x**-1.0, "exponent -1", x=[0.0, 2.0, -2.0])
    kink(
        "pow_tensor",
        torch.pow,
        a=[0.0, 0.0, 0.0, 0.0, -2.0, -2.0],
        b=[0.0, 0.5, 1.0, 2.0, 2.0, 3.0],
    )
    kink(
        "where",
        lambda x: torch.where(x > 0, torch.sqrt(x), x),
        "where(x > 0, sqrt(x), x): the branch not taken gives 0 times inf",
        x=[0.0, 4.0, -1.0],
    )


def reductions():
    rows = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [-1.0, -1.0, 5.0]]
    kink("amax", lambda x: x.amax(1), "of 3 x 3 over axis 1", x=rows)
    kink("amin", lambda x: x.amin(1), "of 3 x 3 over axis 1", x=rows)
    kink("amax_all", lambda x: x.amax(), "over everything", x=[3.0, 1.0, 3.0, 2.0])
    kink(
        "amax_nan",
        lambda x: x.amax(1),
        "of 2 x 3 over axis 1",
        x=[[1.0, NAN, 3.0], [1.0, 2.0, INF]],
    )
    kink(
        "norm",
        lambda x: torch.linalg.vector_norm(x, dim=1),
        "of 2 x 2 over axis 1",
        x=[[0.0, 0.0], [3.0, 4.0]],
    )
    kink(
        "logsumexp",
        lambda x: torch.logsumexp(x, 1),
        "of 4 x 2 over axis 1",
        x=[[-INF, -INF], [-INF, 0.0], [1e4, 1e4], [-1e4, -1e4]],
    )
    kink(
        "softmax",
        lambda x: F.softmax(x, 1),
        "of 3 x 2 over axis 1",
        x=[[-INF, 0.0], [1e4, -1e4], [1e4, 1e4]],
    )
    warnings.simplefilter("ignore")
    kink("var_of_one", lambda x: x.var(1), "unbiased, of 2 x 1 over axis 1", x=[[1.0], [2.0]])
    for values, suffix in (([1.0, 3.0, 3.0, 1.0], ""), ([1.0, NAN, 3.0, NAN], "_nan")):
        x = torch.tensor(values, dtype=torch.float64)
        plain(f"kink_argmax{suffix}", x.argmax(), f"of {values}")
        plain(f"kink_argmin{suffix}", x.argmin(), f"of {values}")


def sorting():
    tied = [2.0, 1.0, 2.0, NAN, 1.0, -INF, 2.0]
    for descending, suffix in ((False, ""), (True, "_descending")):
        kink(
            f"sort{suffix}",
            lambda x: torch.sort(x, stable=True, descending=descending).values,
            x=tied,
        )
        plain(
            f"kink_argsort{suffix}",
            torch.sort(torch.tensor(tied), stable=True, descending=descending).indices,
            "stable",
        )


def pooling():
    x = [[1.0, 1.0, 2.0, 0.0], [1.0, 1.0, 0.0, 2.0], [0.0, 3.0, NAN, 1.0], [3.0, 0.0, 1.0, NAN]]
    for k, s, p in ((2, 2, 0), (3, 2, 1)):
        kink(
            f"max_pool2d_k{k}_s{s}_p{p}",
            lambda x: F.max_pool2d(x[None, None], k, s, p),
            "of one 4 x 4 image; the first of ties, the last of NaNs",
            x=x,
        )
    kink(
        "max_pool2d_negative",
        lambda x: F.max_pool2d(x[None, None], 3, 2, 1),
        "3/2, padding 1, of one 2 x 2 image",
        x=[[-1.0, -2.0], [-3.0, -4.0]],
    )


def write():
    section("ties, kinks and special values; the gradients are those of sum((i + 1) y[i])")
    for group in (pointwise, reductions, sorting, pooling):
        group()
