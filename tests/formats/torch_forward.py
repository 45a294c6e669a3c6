#!/usr/bin/python3
"""torch_forward.py FOLDER TOKEN...: the logits of an exported Hugging Face folder in Debian's PyTorch, which knows only what
the folder's files say."""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

folder, ids = sys.argv[1], torch.tensor([int(x) for x in sys.argv[2:]])
with open(f"{folder}/config.json") as f:
    c = json.load(f)
with open(f"{folder}/model.safetensors", "rb") as f:
    size = int.from_bytes(f.read(8), "little")
    header, data = json.loads(f.read(size)), f.read()
header.pop("__metadata__")
t = {name: torch.tensor(np.frombuffer(data, "<f4", offset=x["data_offsets"][0], count=int(np.prod(x["shape"])))
                        .reshape(x["shape"]).copy()) for name, x in header.items()}
rows = len(ids)
mask = torch.full((rows, rows), float("-inf")).triu(1)
ACTIVATIONS = {"gelu_new": lambda x: F.gelu(x, approximate="tanh"), "gelu": F.gelu, "silu": F.silu, "relu": F.relu}


def attention(q, k, v):  # [heads, rows, head width]
    p = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5 + mask, -1)
    return (p @ v).transpose(0, 1).reshape(rows, -1)


def heads(x, count):
    return x.view(rows, count, -1).transpose(0, 1)


def rms(x, w):
    return w * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + c["rms_norm_eps"])


def rope(x):
    angle = torch.outer(torch.arange(rows), c.get("rope_theta", c.get("rotary_emb_base")) ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])).repeat(1, 2)
    a, b = x.chunk(2, -1)
    return x * angle.cos() + torch.cat((-b, a), -1) * angle.sin()


def gpt2():
    w = lambda name: t["transformer." + name]
    norm = lambda x, name: F.layer_norm(x, x.shape[-1:], w(name + ".weight"), w(name + ".bias"), c["layer_norm_epsilon"])
    conv = lambda x, name: x @ w(name + ".weight") + w(name + ".bias")
    x = w("wte.weight")[ids] + w("wpe.weight")[:rows]
    for i in range(c["n_layer"]):
        q, k, v = (heads(y, c["n_head"]) for y in conv(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn").chunk(3, -1))
        x = x + conv(attention(q, k, v), f"h.{i}.attn.c_proj")
        h = ACTIVATIONS[c["activation_function"]](conv(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc"))
        x = x + conv(h, f"h.{i}.mlp.c_proj")
    return norm(x, "ln_f") @ t.get("lm_head.weight", w("wte.weight")).T


def llama():
    H, KV = c["num_attention_heads"], c["num_key_value_heads"]
    x = t["model.embed_tokens.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        w = lambda name: t[f"model.layers.{i}.{name}.weight"]
        linear = lambda x, name: F.linear(x, w(name), t.get(f"model.layers.{i}.{name}.bias"))
        norm = lambda x, name: rms(x, w(name)) if f"model.layers.{i}.{name}.weight" in t else x
        h = rms(x, w("input_layernorm"))
        q, k = (rope(norm(heads(linear(h, f"self_attn.{n}_proj"), m), f"self_attn.{n}_norm")) for n, m in (("q", H), ("k", KV)))
        k, v = (y.repeat_interleave(H // KV, 0) for y in (k, heads(linear(h, "self_attn.v_proj"), KV)))
        x = x + linear(attention(q, k, v), "self_attn.o_proj")
        h = rms(x, w("post_attention_layernorm"))
        x = x + linear(ACTIVATIONS[c["hidden_act"]](linear(h, "mlp.gate_proj")) * linear(h, "mlp.up_proj"), "mlp.down_proj")
    return rms(x, t["model.norm.weight"]) @ t.get("lm_head.weight", t["model.embed_tokens.weight"]).T


def gpt_neox():
    w = lambda name: t["gpt_neox." + name]
    norm = lambda x, name: F.layer_norm(x, x.shape[-1:], w(name + ".weight"), w(name + ".bias"), c["layer_norm_eps"])
    linear = lambda x, name: F.linear(x, w(name + ".weight"), w(name + ".bias"))
    x = w("embed_in.weight")[ids]
    for i in range(c["num_hidden_layers"]):
        p = f"layers.{i}."
        qkv = linear(norm(x, p + "input_layernorm"), p + "attention.query_key_value")
        q, k, v = (y.transpose(0, 1) for y in qkv.view(rows, c["num_attention_heads"], -1).chunk(3, -1))
        turned = int(q.shape[-1] * c["rotary_pct"])
        q, k = (torch.cat((rope(y[..., :turned]), y[..., turned:]), -1) for y in (q, k))
        a = linear(attention(q, k, v), p + "attention.dense")
        own = x if c["use_parallel_residual"] else x + a
        h = ACTIVATIONS[c["hidden_act"]](linear(norm(own, p + "post_attention_layernorm"), p + "mlp.dense_h_to_4h"))
        x = x + a + linear(h, p + "mlp.dense_4h_to_h")
    return norm(x, "final_layer_norm") @ t["embed_out.weight"].T


for row in {"GPT2LMHeadModel": gpt2, "GPTNeoXForCausalLM": gpt_neox}.get(c["architectures"][0], llama)().tolist():
    print(" ".join(f"{x:.9g}" for x in row))
