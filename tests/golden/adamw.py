#!/usr/bin/python3
"""Makes the numbers of tests/test_optim.c: PyTorch's AdamW and clip_grad_norm_ (torch 1.13.1, Debian 12).

Values, gradients: functions of their place that tests/test_optim.c computes as well."""
import torch

torch.set_num_threads(1)


def fill(count, a, b):
    i = torch.arange(count, dtype=torch.float64)
    return (((i * a + b) % 97) / 97 - 0.5)


def run(dtype):
    matrix = torch.nn.Parameter(fill(35, 7, 3).reshape(5, 7).to(dtype))
    vector = torch.nn.Parameter(fill(6, 11, 5).to(dtype))
    optimizer = torch.optim.AdamW(
        [{"params": [matrix], "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0.0}],
        lr=1e-2, betas=(0.9, 0.95), eps=1e-8, foreach=False)
    for step in range(1, 6):
        matrix.grad = (fill(35, 13, 17 * step) * 3).reshape(5, 7).to(dtype)
        vector.grad = (fill(6, 29, 23 * step) * 3).to(dtype)
        norm = torch.nn.utils.clip_grad_norm_([matrix, vector], 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 / step
        optimizer.step()
        print(f"    {{{norm.item():.17g}, {{" + ", ".join(
            f"{x:.17g}" for x in (matrix[0, 0].item(), matrix[2, 3].item(), matrix[4, 6].item(),
                                  vector[0].item(), vector[5].item())) + "}},")


for dtype in (torch.float32, torch.float64):
    print(f"/* {dtype} */")
    run(dtype)
