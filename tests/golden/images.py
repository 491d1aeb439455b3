# SPDX-License-Identifier: MIT
"""Cases of padding, convolution, pooling and normalisation.

Images are (n, h, w, c) and weights (k, r, s, c); the functions permute to PyTorch's orders inside,
so that gradients come back in ours.
"""

import torch.nn.functional as F

from recorder import case, made, plain, section


def channels_first(x):
    return x.permute(0, 3, 1, 2)


def channels_last(y):
    return y.permute(0, 2, 3, 1)


def on_images(function):
    return lambda x, *rest: channels_last(function(channels_first(x), *rest))


def padding():
    section("padding of h and w")
    for mode in ("constant", "reflect", "replicate"):
        name = "zero" if mode == "constant" else mode
        case(
            f"pad_{name}",
            on_images(lambda x: F.pad(x, (2, 2, 2, 2), mode=mode)),
            "by 2 on all sides of h and w",
            x=((2, 4, 5, 3), 1),
        )
        case(
            f"pad_{name}_uneven",
            on_images(lambda x: F.pad(x, (3, 0, 1, 2), mode=mode)),
            "top 1, bottom 2, left 3, right 0",
            x=((2, 4, 5, 3), 1),
        )


def convolve(x, w, *bias, **options):
    return channels_last(F.conv2d(channels_first(x), channels_first(w), *bias, **options))


def convolutions():
    section("conv2d_k<kernel>_s<stride>_p<padding>_d<dilation>; without bias unless said")
    for k in (1, 2, 3, 5):
        for s, p, d in [(s, p, d) for s in (1, 2) for p in (0, 1, 2) for d in (1, 2)]:
            if (k > 1 or d == 1) and (k - 1) * d + 1 <= 7 + 2 * p:
                case(
                    f"conv2d_k{k}_s{s}_p{p}_d{d}",
                    lambda x, w: convolve(x, w, stride=s, padding=p, dilation=d),
                    x=((2, 7, 9, 3), 1),
                    w=((4, k, k, 3), 2),
                )
    case(
        "conv2d_uneven",
        lambda x, w: convolve(x, w, stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
        "stride (2, 1), padding (1, 0), dilation (1, 2)",
        x=((2, 7, 9, 3), 1),
        w=((4, 3, 2, 3), 2),
    )
    case(
        "conv2d_bias",
        lambda x, w, b: convolve(x, w, b, padding=1),
        "3x3, padding 1",
        x=((2, 7, 9, 3), 1),
        w=((4, 3, 3, 3), 2),
        b=((4,), 3),
    )
    case(
        "conv2d_wide",
        lambda x, w: convolve(x, w, padding=1),
        "3x3, padding 1",
        x=((33, 6, 5, 24), 1),
        w=((40, 3, 3, 24), 2),
    )
    case(
        "conv2d_wide_s2",
        lambda x, w: convolve(x, w, padding=1, stride=2),
        "3x3, padding 1, stride 2",
        x=((33, 6, 5, 24), 1),
        w=((40, 3, 3, 24), 2),
    )


def pooling():
    section("pooling: p<padding>")
    x = ((2, 7, 6, 3), 1)
    for k, s, p in ((2, 2, 0), (3, 2, 1), (3, 1, 0)):
        case(f"max_pool2d_k{k}_s{s}_p{p}", on_images(lambda x: F.max_pool2d(x, k, s, p)), x=x)
        case(
            f"avg_pool2d_k{k}_s{s}_p{p}",
            on_images(lambda x: F.avg_pool2d(x, k, s, p)),
            "padding counts",
            x=x,
        )
    case(
        "avg_pool2d_k3_s2_p1_exclusive",
        on_images(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
        "padding does not count",
        x=x,
    )


def norms():
    section("normalisation, eps 1e-5")
    shape, c = (4, 3, 2, 5), (5,)
    inputs = {"x": (shape, 1), "w": (c, 2, "positive"), "b": (c, 3)}
    mean, variance = made(c, 4), made(c, 5, "positive")
    case(
        "batch_norm_train",
        on_images(lambda x, w, b: F.batch_norm(x, mean, variance, w, b, True, 0.1, 1e-5)),
        "momentum 0.1, running mean formula(4), running var positive(5)",
        **inputs,
    )
    plain("batch_norm_train_running_mean", mean, "after the forward above")
    plain("batch_norm_train_running_var", variance, "after the forward above (unbiased)")
    mean, variance = made(c, 4), made(c, 5, "positive")
    case(
        "batch_norm_eval",
        on_images(lambda x, w, b: F.batch_norm(x, mean, variance, w, b, False, 0.1, 1e-5)),
        "running mean formula(4), running var positive(5)",
        **inputs,
    )
    case(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (4,), w, b, 1e-5),
        "over the last axis",
        x=((2, 3, 4), 1),
        w=((4,), 2, "positive"),
        b=((4,), 3),
    )


def write():
    for group in (padding, convolutions, pooling, norms):
        group()
