#!/usr/bin/python3
"""Makes the golden values that tests/test_golden.c holds Capstan against.

An implementation of CONTRACT 3 in PyTorch (Debian's python3-torch 1.13, CPU, float64) that shares no
line with Capstan: attention with a whole mask, gradients by torch.autograd, torch.optim.AdamW,
torch.nn.utils.clip_grad_norm_. Run it anywhere; it writes beside itself:

  tokens.bin   the token stream, uint16, as nanoGPT stores one
  golden.txt   for each case its settings, losses, gradient norms, and of each parameter two numbers:
               the length of the gradient and its projection on a fixed random direction; and where
               documents end, in the cases that tell them apart
  NAME.f64     for the cases gpt2 and llama: every gradient of the first step, before clipping

Initial values are made by a formula (see `numbers`), which the C test repeats: 12 random bits each, so
that they are the same in float and double, and nothing starts at 0 or 1 exactly.
"""
import math
import os

import numpy as np
import torch
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB, TOKENS = 61, 400
DEFAULTS = {
    "model.layers": 2, "model.heads": 4, "model.kv_heads": 4, "model.width": 24, "model.context": 16,
    "model.mlp": "gelu", "model.mlp_width": 96, "model.norm": "layernorm", "model.norm_place": "pre",
    "model.positions": "learned", "model.rope_theta": 10000, "model.qk_norm": False,
    "model.bias": True, "model.tied": True,
    "model.windows": "full", "model.windows_theta": 0, "model.sinks": 0, "model.learned_sink": False, "model.score_softcap": 0,
    "optim.lr": 1e-2, "optim.beta1": 0.9, "optim.beta2": 0.95, "optim.eps": 1e-8,
    "optim.weight_decay": 0.1, "optim.clip": 1.0, "optim.schedule": "cosine", "optim.warmup": 3,
    "optim.min_lr": 1e-3, "train.steps": 10, "train.batch": 4,
    "train.z_loss": 0.0, "train.label_smoothing": 0.0, "data.document_mask": False,
}
LLAMA = {"model.width": 32, "model.kv_heads": 2, "model.mlp": "swiglu", "model.norm": "rmsnorm",
         "model.positions": "rope", "model.bias": False, "model.tied": False}
ONE = {"train.steps": 1}
CASES = {
    "gpt2": {},
    "llama": LLAMA,
    "untied": {**ONE, "model.tied": False},
    "no_bias": {**ONE, "model.bias": False},
    "post": {**ONE, "model.norm_place": "post"},
    "sandwich": {**ONE, "model.norm_place": "sandwich"},
    "post_rmsnorm": {**ONE, "model.norm_place": "post", "model.norm": "rmsnorm"},
    "sandwich_rmsnorm": {**ONE, "model.norm_place": "sandwich", "model.norm": "rmsnorm"},
    "sinusoidal": {**ONE, "model.positions": "sinusoidal"},
    "alibi": {**ONE, "model.positions": "alibi"},
    "alibi_6_heads": {**ONE, "model.positions": "alibi", "model.heads": 6, "model.kv_heads": 3},
    "no_positions": {**ONE, "model.positions": "none"},
    "rope": {**ONE, "model.positions": "rope"},
    "rope_theta": {**ONE, "model.positions": "rope", "model.rope_theta": 100},
    "rope_qk_norm": {**ONE, "model.positions": "rope", "model.qk_norm": True},
    "learned_qk_norm": {**ONE, "model.qk_norm": True},
    "llama_qk_norm": {**LLAMA, **ONE, "model.qk_norm": True},
    "relu": {**ONE, "model.mlp": "relu"},
    "relu2": {**ONE, "model.mlp": "relu2"},
    "silu": {**ONE, "model.mlp": "silu"},
    "swiglu": {**ONE, "model.mlp": "swiglu"},
    "geglu": {**ONE, "model.mlp": "geglu"},
    "mqa": {**ONE, "model.kv_heads": 1},
    "gqa": {**ONE, "model.kv_heads": 2},
    "one_head": {**ONE, "model.heads": 1, "model.kv_heads": 1},
    "windows": {**ONE, "model.windows": 5},
    "windows_alibi": {**ONE, "model.windows": "1,7/3", "model.positions": "alibi"},
    "windows_llama": {**LLAMA, "model.windows": "4/full,full", "model.windows_theta": 50},
    "windows_documents": {**ONE, "model.windows": "2,6", "data.document_mask": True},
    "sinks": {**ONE, "model.windows": "4/full", "model.sinks": 3},
    "sinks_documents": {**LLAMA, **ONE, "model.windows": 2, "model.sinks": 2, "data.document_mask": True},
    "learned_sink": {**ONE, "model.learned_sink": True},
    "learned_sink_llama": {**LLAMA, "model.learned_sink": True, "model.windows": "5,full", "model.sinks": 1},
    "softcap": {**ONE, "model.score_softcap": 0.2},
    "softcap_alibi": {**ONE, "model.score_softcap": 0.1, "model.positions": "alibi", "model.windows": "6,full"},
    "softcap_llama": {**LLAMA, "model.score_softcap": 0.3, "model.windows": 7, "model.sinks": 2},
    "z_loss": {**ONE, "train.z_loss": 0.01},
    "label_smoothing": {**ONE, "train.label_smoothing": 0.1},
    "z_loss_and_smoothing": {**LLAMA, **ONE, "train.z_loss": 0.01, "train.label_smoothing": 0.1},
    "documents": {**ONE, "data.document_mask": True},
    "documents_alibi": {**ONE, "data.document_mask": True, "model.positions": "alibi"},
    "documents_llama": {**LLAMA, "data.document_mask": True, "train.steps": 4},
    "linear": {"optim.schedule": "linear", "train.steps": 5},
    "constant": {"optim.schedule": "constant", "train.steps": 5},
    "no_clip_no_decay": {"optim.clip": 0, "optim.weight_decay": 0, "train.steps": 5},
}
WHOLE = ("gpt2", "llama")
ENDS = [0, 3, 4, 40, 49, 64, 65, 80, 100, 118, 126, 127, 150, 200, 201, 230, 256, 300, 301, 333, 350, TOKENS]


def numbers(name, count):
    """uniform in (-1/4, 1/4), odd multiples of 2^-14: splitmix64 over the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (2.0 * (z >> np.uint64(52)).astype(np.float64) - 4095.0) / 16384.0


def stream():
    """Tokens: half noise, half a rule (the next token is a function of the last one)."""
    noise = ((numbers("tokens", TOKENS) + 0.25) * 2 * VOCAB).astype(np.int64) % VOCAB
    tokens = noise.copy()
    for i in range(1, TOKENS):
        if i % 2:
            tokens[i] = (tokens[i - 1] * 7 + 3) % VOCAB
    tokens[17] = VOCAB - 1  # raw token files have the vocabulary of their largest token
    assert tokens.max() == VOCAB - 1
    return tokens


def shapes(c):
    """Name and shape of every parameter, CONTRACT 5."""
    width, head = c["model.width"], c["model.width"] // c["model.heads"]
    out = {"embed.weight": (VOCAB, width)}
    if c["model.positions"] == "learned":
        out["positions.weight"] = (c["model.context"], width)

    def norm(name):
        out[name + ".weight"] = (width,)
        if c["model.norm"] == "layernorm" and c["model.bias"]:
            out[name + ".bias"] = (width,)

    def linear(name, rows, columns):
        out[name + ".weight"] = (rows, columns)
        if c["model.bias"]:
            out[name + ".bias"] = (rows,)

    for n in range(c["model.layers"]):
        b = f"blocks.{n}."
        norm(b + "norm1")
        linear(b + "attn.q", width, width)
        linear(b + "attn.k", c["model.kv_heads"] * head, width)
        linear(b + "attn.v", c["model.kv_heads"] * head, width)
        linear(b + "attn.out", width, width)
        if c["model.learned_sink"]:
            out[b + "attn.sink"] = (c["model.heads"],)
        norm(b + "norm2")
        if c["model.mlp"] in ("swiglu", "geglu"):
            linear(b + "mlp.gate", c["model.mlp_width"], width)
        linear(b + "mlp.up", c["model.mlp_width"], width)
        linear(b + "mlp.down", width, c["model.mlp_width"])
        if c["model.norm_place"] == "sandwich":
            norm(b + "norm1_out")
            norm(b + "norm2_out")
    if c["model.norm_place"] != "post":
        norm("norm")
    if not c["model.tied"]:
        out["head.weight"] = (VOCAB, width)
    return out


def initial(c, dtype):
    p = {}
    for name, shape in shapes(c).items():
        x = numbers(name, math.prod(shape)).reshape(shape)
        if "norm" in name and name.endswith(".weight"):
            x = 1.0 + x
        p[name] = torch.tensor(x, dtype=dtype, requires_grad=True)
    return p


def activation(kind, x):
    if kind in ("gelu", "geglu"):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if kind == "relu":
        return x.clamp(min=0)
    if kind == "relu2":
        return x.clamp(min=0) ** 2
    return x / (1 + torch.exp(-x))  # silu, swiglu


def slopes(heads):
    """Press et al. 2022, get_slopes() of their fairseq code."""
    def of_power(n):
        return [2.0 ** (-8.0 * (i + 1) / n) for i in range(n)]
    if heads & (heads - 1) == 0:
        return of_power(heads)
    below = 2 ** int(math.log2(heads))
    return of_power(below) + of_power(2 * below)[0::2][: heads - below]


def rotate(x, theta):
    """x [B, H, T, D]; pairs (i, i + D/2)."""
    length, half = x.shape[-2], x.shape[-1] // 2
    wave = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * wave
    sin, cos = torch.sin(angle).to(x.dtype), torch.cos(angle).to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def windows(c, layer):
    """The window of each key head of a layer, in tokens; more than there are: full."""
    layers = str(c["model.windows"]).split(",")
    heads = layers[layer % len(layers)].split("/")
    one = [10**6 if x == "full" else int(x) for x in heads]
    return one * (c["model.kv_heads"] // len(one))


def logits(c, p, x):
    batch, length = x.shape
    width, heads = c["model.width"], c["model.heads"]
    head = width // heads

    def norm(name, h):
        w, b = p[name + ".weight"], p.get(name + ".bias")
        if c["model.norm"] == "rmsnorm":
            return h / torch.sqrt((h * h).mean(-1, keepdim=True) + 1e-5) * w
        d = h - h.mean(-1, keepdim=True)
        d = d / torch.sqrt((d * d).mean(-1, keepdim=True) + 1e-5) * w
        return d if b is None else d + b

    def linear(name, h):
        y = h @ p[name + ".weight"].T
        return y + p[name + ".bias"] if name + ".bias" in p else y

    def attention(b, h, seen):
        q, k, v = (linear(f"{b}attn.{s}", h).view(batch, length, -1, head).transpose(1, 2) for s in "qkv")
        if c["model.qk_norm"]:
            q, k = (y / torch.sqrt((y * y).mean(-1, keepdim=True) + 1e-5) for y in (q, k))
        if c["model.positions"] == "rope":
            theta = c["model.windows_theta"] if min(seen) < 10**6 and c["model.windows_theta"] else c["model.rope_theta"]
            q, k = rotate(q, theta), rotate(k, theta)
        k, v = (y.repeat_interleave(heads // c["model.kv_heads"], dim=1) for y in (k, v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(head)
        if c["model.score_softcap"]:
            scores = c["model.score_softcap"] * torch.tanh(scores / c["model.score_softcap"])
        i, j = torch.arange(length)[:, None], torch.arange(length)[None, :]
        if c["model.positions"] == "alibi":
            scores = scores - torch.tensor(slopes(heads), dtype=x_type)[:, None, None] * (i - j).abs()
        scores = scores.masked_fill(j > i, float("-inf"))
        reach = torch.tensor(seen).repeat_interleave(heads // c["model.kv_heads"])[:, None, None]
        scores = scores.masked_fill((i - j >= reach) & (j >= c["model.sinks"]), float("-inf"))
        if c["model.learned_sink"]:
            sink = p[b + "attn.sink"].view(1, heads, 1, 1).expand(batch, heads, length, 1)
            y = torch.softmax(torch.cat([scores, sink], dim=-1), dim=-1)[..., :-1] @ v
        else:
            y = torch.softmax(scores, dim=-1) @ v
        return linear(b + "attn.out", y.transpose(1, 2).reshape(batch, length, width))

    def mlp(b, h):
        kind = c["model.mlp"]
        if kind in ("swiglu", "geglu"):
            y = activation(kind, linear(b + "mlp.gate", h)) * linear(b + "mlp.up", h)
        else:
            y = activation(kind, linear(b + "mlp.up", h))
        return linear(b + "mlp.down", y)

    x_type = p["embed.weight"].dtype
    h = p["embed.weight"][x]
    if c["model.positions"] == "learned":
        h = h + p["positions.weight"][:length]
    if c["model.positions"] == "sinusoidal":
        table = torch.zeros(length, width, dtype=torch.float64)
        i = torch.arange(0, width, 2, dtype=torch.float64)
        angle = torch.arange(length, dtype=torch.float64)[:, None] / 10000.0 ** (i / width)
        table[:, 0::2], table[:, 1::2] = torch.sin(angle), torch.cos(angle)
        h = h + table.to(x_type)
    for n in range(c["model.layers"]):
        b, seen = f"blocks.{n}.", windows(c, n)
        if c["model.norm_place"] == "pre":
            h = h + attention(b, norm(b + "norm1", h), seen)
            h = h + mlp(b, norm(b + "norm2", h))
        elif c["model.norm_place"] == "post":
            h = norm(b + "norm1", h + attention(b, h, seen))
            h = norm(b + "norm2", h + mlp(b, h))
        else:
            h = h + norm(b + "norm1_out", attention(b, norm(b + "norm1", h), seen))
            h = h + norm(b + "norm2_out", mlp(b, norm(b + "norm2", h)))
    if c["model.norm_place"] != "post":
        h = norm("norm", h)
    return h @ (p["embed.weight"] if c["model.tied"] else p["head.weight"]).T


def by_document(c, p, tokens, starts):
    """Each piece of a document in each window by itself: its last token has nothing to predict if the
    document ends there."""
    z, y = [], []
    for start in starts:
        stop = start + c["model.context"]
        for first, end in zip(ENDS, ENDS[1:]):
            a, b = max(first, start), min(end, stop)
            if a >= b:
                continue
            rows = min(b, end - 1) - a
            z.append(logits(c, p, torch.tensor(tokens[None, a:b]))[0, :rows])
            y.append(torch.tensor(tokens[a + 1 : a + 1 + rows]))
    return torch.cat(z), torch.cat(y)


def learning_rate(c, s):
    lr, low, warmup, steps = c["optim.lr"], c["optim.min_lr"], c["optim.warmup"], c["train.steps"]
    if s <= warmup:
        return lr * s / warmup
    x = min(1.0, (s - warmup) / (steps - warmup))
    if c["optim.schedule"] == "cosine":
        return low + (lr - low) * (1 + math.cos(math.pi * x)) / 2
    return lr if c["optim.schedule"] == "constant" else low + (lr - low) * (1 - x)


def run(c, tokens, dtype):
    """Losses, gradient norms and rates of each step, the first gradients, the last parameters."""
    p = initial(c, dtype)
    decayed = [x for x in p.values() if x.dim() == 2]
    others = [x for x in p.values() if x.dim() < 2]
    adam = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": c["optim.weight_decay"]}, {"params": others, "weight_decay": 0.0}],
        betas=(c["optim.beta1"], c["optim.beta2"]), eps=c["optim.eps"])
    context, batch = c["model.context"], c["train.batch"]
    windows = (len(tokens) - 1) // context
    steps, first = [], None
    for s in range(1, c["train.steps"] + 1):
        starts = [(((s - 1) * batch + j) % windows) * context for j in range(batch)]
        x = torch.tensor(np.stack([tokens[a : a + context] for a in starts]))
        y = torch.tensor(np.stack([tokens[a + 1 : a + context + 1] for a in starts])).view(-1)
        if c["data.document_mask"]:
            z, y = by_document(c, p, tokens, starts)
        else:
            z = logits(c, p, x).view(-1, VOCAB)
        trained = F.cross_entropy(z, y, label_smoothing=c["train.label_smoothing"])
        trained = trained + c["train.z_loss"] * (torch.logsumexp(z, -1) ** 2).mean()
        adam.zero_grad()
        trained.backward()
        if first is None:
            first = {k: v.grad.detach().double().numpy().copy() for k, v in p.items()}
        limit = c["optim.clip"] or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(list(p.values()), limit)
        for group in adam.param_groups:
            group["lr"] = learning_rate(c, s)
        adam.step()
        steps.append((F.cross_entropy(z, y).item(), norm.item(), learning_rate(c, s)))
    return steps, first, {k: v.detach().double().numpy() for k, v in p.items()}


def two(name, x):
    """Length, and projection on the direction named name + "#"."""
    x = x.reshape(-1)
    return f"{math.sqrt(float((x * x).sum())):.17g} {float((x * numbers(name + '#', x.size)).sum()):.17g}"


def main():
    torch.set_num_threads(1)
    tokens = stream()
    tokens.astype("<u2").tofile(os.path.join(HERE, "tokens.bin"))
    with open(os.path.join(HERE, "golden.txt"), "w") as out:
        print("# made by make_golden.py: see there", file=out)
        print("documents", *ENDS[1:], file=out)
        for case, changes in CASES.items():
            c = {**DEFAULTS, **changes}
            steps, grads, last = run(c, tokens, torch.float64)
            rough = run(c, tokens, torch.float32)
            far = max(abs(a[0] / b[0] - 1) for a, b in zip(rough[0], steps))
            print(f"{case:24s} first loss {steps[0][0]:.6f} last {steps[-1][0]:.6f} norm {steps[0][1]:.4f}"
                  f"  float32 is off by {far:.1e}")
            print("case", case, file=out)
            for key, value in c.items():
                print("set", f"{key}={str(value).lower()}", file=out)
            for s, (loss, norm, lr) in enumerate(steps):
                print(f"step {loss:.17g} {norm:.17g} {lr:.17g}", file=out)
                if s == 0:
                    for name, g in grads.items():
                        print("gradient", name, g.size, two(name, g), file=out)
            for name, x in last.items():
                print("last", name, x.size, two(name, x), file=out)
            if case in WHOLE:
                np.concatenate([g.reshape(-1) for g in grads.values()]).astype("<f8").tofile(
                    os.path.join(HERE, case + ".f64"))


if __name__ == "__main__":
    main()
