#!/usr/bin/python3
"""Makes the numbers of tests/test_update.c: StableAdamW as Wortsman et al. 2023 (arXiv:2304.13013) write it,
algorithm 2, with betas that are corrected instead of means, in double.

Values, gradients: functions of their place that tests/test_update.c computes as well; the gradient grows."""
import torch


def fill(count, a, b):
    i = torch.arange(count, dtype=torch.float64)
    return (((i * a + b) % 97) / 97 - 0.5)


BETA1, BETA2, EPS, DECAY = 0.9, 0.95, 1e-8, 0.1
matrix = {"value": fill(35, 7, 3), "decay": DECAY}
vector = {"value": fill(6, 11, 5), "decay": 0.0}
for x in (matrix, vector):
    x["v"] = x["u"] = torch.zeros_like(x["value"])
for t in range(1, 6):
    matrix["grad"] = fill(35, 13, 17 * t) * 3 ** t
    vector["grad"] = fill(6, 29, 23 * t) / 3 ** t
    numbers = []
    for x in (matrix, vector):
        b1 = BETA1 * (1 - BETA1 ** (t - 1)) / (1 - BETA1 ** t)
        b2 = BETA2 * (1 - BETA2 ** (t - 1)) / (1 - BETA2 ** t)
        g, before = x["grad"], x["value"]
        x["v"] = b1 * x["v"] + (1 - b1) * g
        x["u"] = b2 * x["u"] + (1 - b2) * g * g
        rms = (g * g / torch.clamp(x["u"], min=EPS ** 2)).mean().sqrt().item()
        eta = 1e-2 / t / max(1.0, rms)
        x["value"] = before - eta * x["decay"] * before - eta * x["v"] / (x["u"].sqrt() + EPS)
        numbers += [rms, before.norm().item(), (x["value"] - before).norm().item(), x["value"][3].item()]
    print("    {" + ", ".join(f"{n:.17g}" for n in numbers) + "},")
