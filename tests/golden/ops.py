# SPDX-License-Identifier: MIT
"""Cases of pointwise functions, reductions, sorting, products, indexing and losses."""

import math

import torch
import torch.nn.functional as F

from formula import labels
from recorder import case, made, plain, section

X = (2, 3, 4)


def celu(x, alpha=0.3):
    """F.celu, whose gradient PyTorch computes with 1 / alpha rounded to float32."""
    y = torch.where(x > 0, x, alpha * torch.expm1(x / alpha))
    torch.testing.assert_close(y, F.celu(x, alpha))
    return y


def pointwise():
    section("broadcasting: a of shape (2, 3, 4), b of the shape in the name")
    for suffix, shape in {"4": (4,), "3x1": (3, 1), "2x1x4": (2, 1, 4)}.items():
        for op in ("add", "sub", "mul", "div"):
            kind = "positive" if op == "div" else "formula"
            case(f"{op}_{suffix}", getattr(torch, op), a=(X, 1), b=(shape, 2, kind))
    section("pointwise")
    case(
        "where",
        lambda a, b: torch.where(made(X, 3) > 0, a, b),
        "condition formula(3) > 0",
        a=(X, 1),
        b=(X, 2),
    )
    case("maximum", torch.maximum, a=(X, 1), b=(X, 2))
    case("minimum", torch.minimum, a=(X, 1), b=(X, 2))
    case("pow_tensor", torch.pow, a=(X, 1, "positive"), b=(X, 2, "2 formula"))
    for op, function in {
        "log": torch.log,
        "sqrt": torch.sqrt,
        "rsqrt": torch.rsqrt,
        "pow_2_5": lambda x: x**2.5,
    }.items():
        case(op, function, x=(X, 1, "positive"))
    functions = {
        "exp": torch.exp,
        "tanh": torch.tanh,
        "erf": torch.erf,
        "abs": torch.abs,
        "sigmoid": torch.sigmoid,
        "relu": F.relu,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "celu": celu,
        "softplus": F.softplus,
        "clamp": lambda x: x.clamp(-1, 1.5),
    }
    comments = {
        "leaky_relu": "slope 0.1",
        "celu": "alpha 0.3",
        "clamp": "to [-1, 1.5]",
        "gelu": "exact",
    }
    for op, function in functions.items():
        case(op, function, comments.get(op, ""), x=(X, 1, "4 formula"))


def reductions():
    section("reductions; the name ends in the axes; keepdim has the same values")
    axes_of = {"2": (2,), "0": (0,), "0_2": (0, 2), "all": (0, 1, 2)}
    for suffix, axes in axes_of.items():
        for op, function in {
            "sum": torch.sum,
            "mean": torch.mean,
            "amax": torch.amax,
            "amin": torch.amin,
            "logsumexp": torch.logsumexp,
            "norm": torch.linalg.vector_norm,
        }.items():
            case(f"{op}_{suffix}", lambda x: function(x, dim=axes), x=(X, 1))
        case(f"var_unbiased_{suffix}", lambda x: torch.var(x, dim=axes, correction=1), x=(X, 1))
        case(f"var_biased_{suffix}", lambda x: torch.var(x, dim=axes, correction=0), x=(X, 1))
    x = made(X, 1)
    for axis in range(3):
        plain(f"argmax_{axis}", x.argmax(axis), f"of x = formula(1): {X}")
        plain(f"argmin_{axis}", x.argmin(axis), f"of x = formula(1): {X}")


def scans():
    x = made(X, 1)
    section("scan and sort along the axis in the name")
    for axis in range(3):
        case(f"cumsum_{axis}", lambda x: torch.cumsum(x, axis), x=(X, 1))
        case(f"sort_{axis}", lambda x: torch.sort(x, axis).values, x=(X, 1))
        case(
            f"sort_descending_{axis}",
            lambda x: torch.sort(x, axis, descending=True).values,
            x=(X, 1),
        )
        plain(f"argsort_{axis}", torch.argsort(x, axis), f"of x = formula(1): {X}")
        case(
            f"topk_{axis}",
            lambda x: torch.topk(x, 2, axis).values,
            "the 2 largest, largest first",
            x=(X, 1),
        )
        plain(f"topk_{axis}_indices", torch.topk(x, 2, axis).indices, f"of x = formula(1): {X}")


def products():
    section("matrix products")
    case("matmul", torch.matmul, a=((3, 4), 1), b=((4, 5), 2))
    case("matmul_tn", lambda a, b: a.T @ b, "a^T b", a=((4, 3), 1), b=((4, 5), 2))
    case("matmul_nt", lambda a, b: a @ b.T, "a b^T", a=((3, 4), 1), b=((5, 4), 2))
    case("matmul_tt", lambda a, b: a.T @ b.T, "a^T b^T", a=((4, 3), 1), b=((5, 4), 2))
    case("matmul_batched", torch.matmul, a=((2, 3, 4), 1), b=((2, 4, 5), 2))
    case("matmul_broadcast", torch.matmul, a=((2, 1, 3, 4), 1), b=((3, 4, 5), 2))
    case("matmul_broadcast_left", torch.matmul, a=((3, 4), 1), b=((2, 4, 5), 2))
    case("matmul_broadcast_right", torch.matmul, a=((2, 3, 4), 1), b=((4, 5), 2))
    case("matmul_matrix_vector", torch.matmul, a=((3, 4), 1), b=((4,), 2))
    case("matmul_vector_matrix", torch.matmul, a=((4,), 1), b=((4, 5), 2))
    case("matmul_large", torch.matmul, a=((70, 150), 1), b=((150, 45), 2))
    case("linear", F.linear, "x w^T + b", x=((3, 4), 1), w=((5, 4), 2), b=((5,), 3))
    case("linear_batched", F.linear, "x w^T + b", x=(X, 1), w=((5, 4), 2), b=((5,), 3))


def index(shape, seed, n):
    return torch.from_numpy(labels(math.prod(shape), seed, n)).reshape(shape)


def gathers():
    section("gather and view; index = labels(seed, classes): shape")
    case(
        "gather",
        lambda x: torch.gather(x, 1, index((2, 5, 4), 4, 3)),
        "axis 1, index = labels(4, 3): (2, 5, 4)",
        x=(X, 1),
    )
    case(
        "gather_2",
        lambda x: torch.gather(x, 2, index((2, 3, 6), 4, 4)),
        "axis 2, index = labels(4, 4): (2, 3, 6)",
        x=(X, 1),
    )
    case(
        "scatter_add",
        lambda x, s: torch.scatter_add(x, 1, index((2, 5, 4), 4, 3), s),
        "axis 1, index = labels(4, 3): (2, 5, 4)",
        x=(X, 1),
        s=((2, 5, 4), 2),
    )
    for axis in range(3):
        chosen = torch.tensor([1, 0, 0, 1, 1])
        case(
            f"index_select_{axis}",
            lambda x: torch.index_select(x, axis, chosen),
            "index {1, 0, 0, 1, 1}",
            x=(X, 1),
        )
    plain("one_hot", F.one_hot(index((6,), 4, 5), 5), "labels(4, 5): (6), 5 classes")
    for axis, shape in enumerate([(4, 3, 4), (2, 1, 4), (2, 3, 2)]):
        case(f"cat_{axis}", lambda a, b: torch.cat([a, b], axis), a=(X, 1), b=(shape, 2))
    for axis in (0, 1, 3):
        case(
            f"stack_{axis}",
            lambda a, b: torch.stack([a, b], axis),
            a=((2, 3, 2), 1),
            b=((2, 3, 2), 2),
        )
    case(
        "split",
        lambda x: torch.split(x, [1, 3], 2),
        "axis 2, sizes {1, 3}; weights formula(9) and formula(10)",
        x=(X, 1),
    )


def losses():
    section("softmax along the axis in the name, and losses")
    for axis in range(3):
        case(f"softmax_{axis}", lambda x: F.softmax(x, axis), x=(X, 1, "4 formula"))
        case(f"log_softmax_{axis}", lambda x: F.log_softmax(x, axis), x=(X, 1, "4 formula"))
    target = index((6,), 2, 5)
    for smoothing, suffix in ((0.0, ""), (0.2, "_smooth")):
        for reduction in ("mean", "sum", "none"):
            case(
                f"cross_entropy_{reduction}{suffix}",
                lambda x: F.cross_entropy(
                    x, target, reduction=reduction, label_smoothing=smoothing
                ),
                f"target labels(2, 5): (6), smoothing {smoothing}",
                x=((6, 5), 1, "4 formula"),
            )
    for reduction in ("mean", "sum"):
        case(
            f"mse_{reduction}",
            lambda a, b: F.mse_loss(a, b, reduction=reduction),
            a=((6, 5), 1),
            b=((6, 5), 2),
        )


def write():
    for group in (pointwise, reductions, scans, products, gathers, losses):
        group()
