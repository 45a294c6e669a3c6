#!/usr/bin/python3
"""Makes the numbers of tests/test_optimizers.c: AdamW (PyTorch's), Lion and Muon, with and without proximal L1 and
coupled L2, in double precision (torch 1.13.1, Debian 12).

Lion and Muon are written here as in the repositories of their authors (google/automl, lion; KellerJordan/Muon), with
float64 in place of bfloat16. Values, gradients: functions of their place that tests/test_optimizers.c computes as
well."""
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
SHAPES = {"embed.weight": (4, 3), "blocks.0.attn.q.weight": (5, 7), "blocks.0.mlp.up.weight": (8, 3),
          "blocks.0.norm1.weight": (6,)}
LR, MUON_LR, DECAY, MOMENTUM = 1e-2, 2e-2, 0.1, 0.95


def fill(count, a, b):
    i = torch.arange(count)
    return ((i * a + b) % 97) / 97 - 0.5


def zeropower(g):
    x = g / (g.norm() + 1e-7)
    if g.shape[0] > g.shape[1]:
        x = x.T
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def lion(p, g, state, decay, lr):
    m = state.setdefault("m", torch.zeros_like(p))
    update = (0.9 * m + 0.1 * g).sign()
    p.mul_(1 - lr * decay).add_(update, alpha=-lr)
    m.mul_(0.95).add_(g, alpha=0.05)


def muon(p, g, state, decay, lr):
    m = state.setdefault("m", torch.zeros_like(p))
    m.lerp_(g, 1 - MOMENTUM)
    update = zeropower(g.lerp(m, MOMENTUM)) * max(1, p.shape[0] / p.shape[1]) ** 0.5
    lr = lr * MUON_LR / LR
    p.mul_(1 - lr * decay).add_(update, alpha=-lr)


def adamw(p, g, state, decay, lr):
    if not state:
        state["w"] = torch.nn.Parameter(p.clone())
        state["o"] = torch.optim.AdamW([state["w"]], betas=(0.9, 0.95), eps=1e-8, foreach=False)
    state["w"].data.copy_(p)
    state["w"].grad = g
    state["o"].param_groups[0].update(lr=lr, weight_decay=decay)
    state["o"].step()
    p.copy_(state["w"].data)


def choose(optimizer, name):
    if optimizer == "lion":
        return lion
    return muon if optimizer == "muon" and name.startswith("blocks.") and len(SHAPES[name]) == 2 else adamw


def run(optimizer, l1, l2):
    values = {n: fill(torch.Size(s).numel(), 7, 3 + i).reshape(s) for i, (n, s) in enumerate(SHAPES.items())}
    states = {n: {} for n in SHAPES}
    print(f"    {{OPTIMIZER_{optimizer}, {l1}, {l2}, {{")
    for step in range(1, 4):
        lr = LR / step
        for i, (name, p) in enumerate(values.items()):
            matrix = p.dim() == 2
            g = 0.5 * fill(p.numel(), 13, 17 * step + i).reshape(p.shape) + (l2 * p if matrix else 0)
            choose(optimizer, name)(p, g, states[name], DECAY if matrix else 0, lr)
            if matrix and l1:
                p.copy_(torch.nn.functional.softshrink(p, lr * l1))
        picked = [values["embed.weight"][1, 2], values["blocks.0.attn.q.weight"][0, 0],
                  values["blocks.0.attn.q.weight"][4, 3], values["blocks.0.mlp.up.weight"][0, 0],
                  values["blocks.0.mlp.up.weight"][7, 1], values["blocks.0.norm1.weight"][5]]
        sums = [p.abs().sum() for p in values.values()]
        print("        {" + ", ".join(f"{x.item():.15g}" for x in picked + sums) + "},")
    print("    }},")


for optimizer in ("adamw", "lion", "muon"):
    for l1, l2 in ((0, 0), (0.5, 0), (0, 0.2), (0.5, 0.2)):
        run(optimizer, l1, l2)
x = zeropower(torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
print(x)
