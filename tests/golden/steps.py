# SPDX-License-Identifier: MIT
"""Optimizers, clipping, initialisation bounds and schedules."""

import math

import torch

from recorder import made, plain, record, section

N, STEPS = 6, 5


def start():
    return torch.nn.Parameter(made((N,), 1))


def gradient(step):
    return made((N,), 20 + step)


def optimizer(name, comment, make):
    w = start()
    algorithm, path = make([w]), []
    for step in range(STEPS):
        w.grad = gradient(step)
        algorithm.step()
        path.append(w.detach().clone())
    plain(name, torch.stack(path), comment)


def decoupled_sgd(nesterov):
    """SGD with a decay of its own as in AdamW: w (1 - rate decay), then the momentum step."""
    w, momentum, path = start().detach(), torch.zeros(N, dtype=torch.float64), []
    for step in range(STEPS):
        g = gradient(step)
        momentum = 0.9 * momentum + g
        w = w * (1 - 0.1 * 0.05) - 0.1 * (g + 0.9 * momentum if nesterov else momentum)
        path.append(w)
    return torch.stack(path)


def clipping():
    section(
        "clipping by the global norm of a = formula(1): (6) and b = formula(2): (4);"
        " PyTorch scales by bound / (norm + 1e-6)"
    )
    for bound in (0.5, 100.0):
        leaves = [torch.nn.Parameter(torch.zeros(n, dtype=torch.float64)) for n in (6, 4)]
        for seed, leaf in enumerate(leaves, 1):
            leaf.grad = made(leaf.shape, seed)
        suffix = "clipped" if bound < 1 else "kept"
        plain(
            f"clip_{suffix}_norm", torch.nn.utils.clip_grad_norm_(leaves, bound), f"bound {bound}"
        )
        for key, leaf in zip("ab", leaves):
            record(f"clip_{suffix}_{key}", leaf.grad)


def bounds(name, layer, comment):
    fan_in = layer.weight[0].numel()
    gain = torch.nn.init.calculate_gain("leaky_relu", math.sqrt(5))
    bound, bias = gain * math.sqrt(3 / fan_in), 1 / math.sqrt(fan_in)
    assert 0.95 * bound < layer.weight.abs().max() <= bound and layer.bias.abs().max() <= bias
    plain(name, [bound, bias], f"{comment}: bounds of weight and bias")


def write():
    section(
        "optimizers, rate 0.1: w = formula(1): (6), gradient of step t = 0 .. 4 formula(20 + t);"
        " w after each step"
    )
    sgd, adamw = torch.optim.SGD, torch.optim.AdamW
    optimizer("sgd", "plain", lambda w: sgd(w, 0.1))
    optimizer("sgd_momentum", "momentum 0.9", lambda w: sgd(w, 0.1, 0.9))
    optimizer("sgd_nesterov", "momentum 0.9, Nesterov", lambda w: sgd(w, 0.1, 0.9, nesterov=True))
    optimizer(
        "sgd_decay",
        "momentum 0.9, coupled decay 0.05",
        lambda w: sgd(w, 0.1, 0.9, weight_decay=0.05),
    )
    optimizer(
        "sgd_nesterov_decay",
        "momentum 0.9, Nesterov, coupled decay 0.05",
        lambda w: sgd(w, 0.1, 0.9, weight_decay=0.05, nesterov=True),
    )
    plain(
        "sgd_decoupled",
        decoupled_sgd(False),
        "momentum 0.9, then w (1 - rate 0.05) before the step",
    )
    plain("sgd_nesterov_decoupled", decoupled_sgd(True), "the same with Nesterov")
    optimizer(
        "adamw",
        "betas 0.9, 0.999, eps 1e-8, decay 0.05",
        lambda w: adamw(w, 0.1, weight_decay=0.05),
    )
    optimizer(
        "adam", "betas 0.9, 0.999, eps 1e-8, no decay", lambda w: adamw(w, 0.1, weight_decay=0.0)
    )
    clipping()
    section("default initialisation (Kaiming uniform, a = sqrt 5), and a schedule")
    bounds("init_linear", torch.nn.Linear(70, 50), "Linear(70, 50)")
    bounds("init_conv2d", torch.nn.Conv2d(16, 24, 3), "Conv2d(16, 24, 3)")
    cosine("cosine", 0.0)
    cosine("cosine_floor", 0.01)


def cosine(name, floor):
    algorithm = torch.optim.SGD([start()], 0.1)
    schedule, rates = torch.optim.lr_scheduler.CosineAnnealingLR(algorithm, 10, floor), []
    for _ in range(11):
        rates.append(schedule.get_last_lr()[0])
        algorithm.step()
        schedule.step()
    plain(name, rates, f"rate 0.1 to {floor} in 10 steps, at steps 0 .. 10")
