"""An independent forward pass: logits of a Hugging Face folder, in double precision, from its files alone.

    forward.py FOLDER TOKEN...        prints the logits after each token, a line each
"""
import math
import json
import os
import struct
import sys

import numpy as np


def tensors_of(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    out = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        raw = data[begin:end]
        if t["dtype"] == "BF16":
            x = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            x = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[t["dtype"]])
        out[name] = x.astype(np.float64).reshape(t["shape"])
    return out


def load(folder):
    with open(f"{folder}/config.json") as f:
        config = json.load(f)
    tensors = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            tensors |= tensors_of(f"{folder}/{file}")
    return config, tensors


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + np.exp(-x))


ACTIVATIONS = {"gelu_new": gelu_new, "gelu_pytorch_tanh": gelu_new, "silu": silu, "relu": lambda x: np.maximum(x, 0),
               "relu2": lambda x: np.maximum(x, 0) ** 2, "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2}


def layernorm(x, w, b, eps):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w + b


def rmsnorm(x, w, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def attention(q, k, v, window=None):  # [heads, rows, head width]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    rows = scores.shape[-1]
    i, j = np.arange(rows)[:, None], np.arange(rows)
    scores = np.where((j <= i) & (j > i - (window or rows)), scores, -np.inf)  # transformers: sliding_window_overlay
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return (p / p.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(rows, -1)


def heads_of(x, count):
    return x.reshape(len(x), count, -1).transpose(1, 0, 2)


def frequencies(theta, width, scaling, rows):
    """Of pairs, and the factor of cos and sin."""
    i = np.arange(width // 2)
    w = theta ** (-2.0 * i / width)
    s = scaling or {}
    kind, factor = s.get("rope_type", "none"), s.get("factor", 1)
    first = s.get("original_max_position_embeddings")
    if kind == "linear":
        return w / factor, 1
    if kind == "dynamic" and rows > first:
        return (theta * (factor * rows / first - (factor - 1)) ** (width / (width - 2))) ** (-2.0 * i / width), 1
    if kind == "llama3":
        wave, low, high = 2 * np.pi / w, s["low_freq_factor"], s["high_freq_factor"]
        t = np.clip((first / wave - low) / (high - low), 0, 1)
        return (1 - t) * w / factor + t * w, 1
    if kind == "yarn":
        at = lambda turns: width * np.log(first / (turns * 2 * np.pi)) / (2 * np.log(theta))
        low, high = max(np.floor(at(s["beta_fast"])), 0), min(np.ceil(at(s["beta_slow"])), width - 1)
        ramp = np.clip((i - low) / (high - low if high > low else 0.001), 0, 1)
        return w * (1 - ramp) + w / factor * ramp, 0.1 * np.log(factor) + 1
    return w, 1


def rope(x, theta, width, scaling=None):  # rotate-half, in the first `width` columns
    w, factor = frequencies(theta, width, scaling, x.shape[1])
    angle = np.arange(x.shape[1])[:, None] * w
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    a, b = x[..., : width // 2], x[..., width // 2 : width]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, x[..., width:]], -1)


def gpt2(c, t, ids):
    t = {name.removeprefix("transformer."): x for name, x in t.items()}
    eps, act, H = c["layer_norm_epsilon"], ACTIVATIONS[c["activation_function"]], c["n_head"]
    x = t["wte.weight"][ids] + t["wpe.weight"][: len(ids)]
    for i in range(c["n_layer"]):
        w = lambda name: t[f"h.{i}.{name}"]
        linear = lambda y, name: y @ w(name + ".weight") + w(name + ".bias")
        qkv = linear(layernorm(x, w("ln_1.weight"), w("ln_1.bias"), eps), "attn.c_attn")
        x = x + linear(attention(*(heads_of(y, H) for y in np.split(qkv, 3, -1))), "attn.c_proj")
        h = layernorm(x, w("ln_2.weight"), w("ln_2.bias"), eps)
        x = x + linear(act(linear(h, "mlp.c_fc")), "mlp.c_proj")
    x = layernorm(x, t["ln_f.weight"], t["ln_f.bias"], eps)
    return x @ t.get("lm_head.weight", t["wte.weight"]).T


def window_of(c, layer):  # Qwen2Config, MistralConfig of transformers
    if c["model_type"] == "mistral":
        return c.get("sliding_window", 4096)
    if not c.get("use_sliding_window"):
        return None
    types = c.get("layer_types") or ["full_attention" if i < c.get("max_window_layers", 28) else "sliding_attention"
                                     for i in range(c["num_hidden_layers"])]
    return c.get("sliding_window", 4096) if types[layer] == "sliding_attention" else None


def llama(c, t, ids):
    eps, H = c["rms_norm_eps"], c["num_attention_heads"]
    KV = c.get("num_key_value_heads") or H
    theta = c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
    act = ACTIVATIONS[c["hidden_act"]]
    x = t["model.embed_tokens.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        w = lambda name: t[f"model.layers.{i}.{name}"]
        linear = lambda y, name: y @ w(name + ".weight").T + t.get(f"model.layers.{i}.{name}.bias", 0)
        h = rmsnorm(x, w("input_layernorm.weight"), eps)
        q, k, v = (heads_of(linear(h, f"self_attn.{n}_proj"), m) for n, m in (("q", H), ("k", KV), ("v", KV)))
        if f"model.layers.{i}.self_attn.q_norm.weight" in t:
            q, k = rmsnorm(q, w("self_attn.q_norm.weight"), eps), rmsnorm(k, w("self_attn.k_norm.weight"), eps)
        q, k = (rope(y, theta, y.shape[-1], c.get("rope_scaling")) for y in (q, k))
        k, v = (np.repeat(y, H // KV, 0) for y in (k, v))
        x = x + linear(attention(q, k, v, window_of(c, i)), "self_attn.o_proj")
        h = rmsnorm(x, w("post_attention_layernorm.weight"), eps)
        x = x + linear(act(linear(h, "mlp.gate_proj")) * linear(h, "mlp.up_proj"), "mlp.down_proj")
    x = rmsnorm(x, t["model.norm.weight"], eps)
    return x @ t.get("lm_head.weight", t["model.embed_tokens.weight"]).T


def gpt_neox(c, t, ids):
    eps, H, act = c["layer_norm_eps"], c["num_attention_heads"], ACTIVATIONS[c["hidden_act"]]
    x = t["gpt_neox.embed_in.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        w = lambda name: t[f"gpt_neox.layers.{i}.{name}"]
        linear = lambda y, name: y @ w(name + ".weight").T + w(name + ".bias")
        norm = lambda y, name: layernorm(y, w(name + ".weight"), w(name + ".bias"), eps)
        qkv = linear(norm(x, "input_layernorm"), "attention.query_key_value")
        qkv = qkv.reshape(len(ids), H, 3, -1).transpose(2, 1, 0, 3)
        width = int(qkv.shape[-1] * c["rotary_pct"])
        theta = c.get("rotary_emb_base", 10000)
        a = linear(attention(rope(qkv[0], theta, width), rope(qkv[1], theta, width), qkv[2]), "attention.dense")
        base = x if c["use_parallel_residual"] else x + a
        m = linear(act(linear(norm(base, "post_attention_layernorm"), "mlp.dense_h_to_4h")), "mlp.dense_4h_to_h")
        x = x + a + m
    x = layernorm(x, t["gpt_neox.final_layer_norm.weight"], t["gpt_neox.final_layer_norm.bias"], eps)
    return x @ t.get("embed_out.weight", t["gpt_neox.embed_in.weight"]).T


KINDS = {"gpt2": gpt2, "llama": llama, "mistral": llama, "qwen2": llama, "qwen3": llama, "gpt_neox": gpt_neox}


def logits(folder, ids):
    config, tensors = load(folder)
    return KINDS[config["model_type"]](config, tensors, np.array(ids))


if __name__ == "__main__":
    for row in logits(sys.argv[1], [int(x) for x in sys.argv[2:]]):
        print(" ".join(f"{x:.12g}" for x in row))
