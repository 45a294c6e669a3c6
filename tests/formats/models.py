"""Model files for tests of import: random weights as other programs write them, without those programs."""
import json
import os
import struct

import numpy as np


def bf16(x):
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


STORED = {"F32": lambda x: x.astype(np.float32), "F16": lambda x: x.astype(np.float16), "BF16": bf16}


def safetensors(path, tensors, dtype="F32", metadata=None):
    header, place, blobs = {}, 0, []
    if metadata:
        header["__metadata__"] = metadata
    for name, x in tensors.items():
        blob = STORED[dtype](x).tobytes()
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [place, place + len(blob)]}
        place += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def gpt2(seed=1, width=24, layers=2, heads=4, context=32, vocab=257, inner=None, tied=True, **more):
    r = np.random.default_rng(seed)
    n = lambda *shape: r.normal(0, 0.3, shape).astype(np.float32)
    f = inner or 4 * width
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": width, "n_layer": layers,
              "n_head": heads, "n_positions": context, "n_ctx": context, "n_inner": inner, "vocab_size": vocab,
              "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "use_cache": True,
              "initializer_range": 0.02, "tie_word_embeddings": tied, **more}
    t = {"wte.weight": n(vocab, width), "wpe.weight": n(context, width)}
    for i in range(layers):
        p = f"h.{i}."
        t |= {p + "ln_1.weight": n(width), p + "ln_1.bias": n(width),
              p + "attn.c_attn.weight": n(width, 3 * width), p + "attn.c_attn.bias": n(3 * width),
              p + "attn.c_proj.weight": n(width, width), p + "attn.c_proj.bias": n(width),
              p + "ln_2.weight": n(width), p + "ln_2.bias": n(width),
              p + "mlp.c_fc.weight": n(width, f), p + "mlp.c_fc.bias": n(f),
              p + "mlp.c_proj.weight": n(f, width), p + "mlp.c_proj.bias": n(width)}
    t |= {"ln_f.weight": n(width), "ln_f.bias": n(width)}
    t = {"transformer." + name: x for name, x in t.items()}
    if not tied:
        t["lm_head.weight"] = n(vocab, width)
    return config, t


def llama(seed=1, width=32, layers=2, heads=4, kv_heads=2, context=64, vocab=257, inner=56, tied=False, bias=False,
          qkv_bias=False, qk_norm=False, **more):
    r = np.random.default_rng(seed)
    n = lambda *shape: r.normal(0, 0.3, shape).astype(np.float32)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": width,
              "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
              "intermediate_size": inner, "max_position_embeddings": context, "vocab_size": vocab, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "rope_scaling": None, "hidden_act": "silu", "tie_word_embeddings": tied,
              "attention_bias": bias, "mlp_bias": bias, **more}
    head = more.get("head_dim", width // heads)
    q, kv = head * heads, head * kv_heads
    sizes = {"self_attn.q_proj": (q, width), "self_attn.k_proj": (kv, width), "self_attn.v_proj": (kv, width),
             "self_attn.o_proj": (width, q), "mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width),
             "mlp.down_proj": (width, inner)}
    t = {"model.embed_tokens.weight": n(vocab, width)}
    for i in range(layers):
        p = f"model.layers.{i}."
        t |= {p + "input_layernorm.weight": n(width), p + "post_attention_layernorm.weight": n(width)}
        for name, shape in sizes.items():
            t[p + name + ".weight"] = n(*shape)
            if bias or (qkv_bias and name[10:] in ("q_proj", "k_proj", "v_proj")):
                t[p + name + ".bias"] = n(shape[0])
        if qk_norm:
            t |= {p + "self_attn.q_norm.weight": n(head), p + "self_attn.k_norm.weight": n(head)}
    t["model.norm.weight"] = n(width)
    if not tied:
        t["lm_head.weight"] = n(vocab, width)
    return config, t


def gpt_neox(seed=1, width=32, layers=2, heads=4, context=64, vocab=257, inner=56, **more):
    r = np.random.default_rng(seed)
    n = lambda *shape: r.normal(0, 0.3, shape).astype(np.float32)
    config = {"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "hidden_size": width,
              "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner,
              "max_position_embeddings": context, "vocab_size": vocab, "layer_norm_eps": 1e-5, "rotary_pct": 1.0,
              "rotary_emb_base": 10000, "hidden_act": "gelu_new", "use_parallel_residual": False, **more}
    t = {"gpt_neox.embed_in.weight": n(vocab, width)}
    for i in range(layers):
        p = f"gpt_neox.layers.{i}."
        for name in "input_layernorm", "post_attention_layernorm":
            t |= {f"{p}{name}.weight": n(width), f"{p}{name}.bias": n(width)}
        for name, (a, b) in {"attention.query_key_value": (3 * width, width), "attention.dense": (width, width),
                             "mlp.dense_h_to_4h": (inner, width), "mlp.dense_4h_to_h": (width, inner)}.items():
            t |= {f"{p}{name}.weight": n(a, b), f"{p}{name}.bias": n(a)}
    t |= {"gpt_neox.final_layer_norm.weight": n(width), "gpt_neox.final_layer_norm.bias": n(width),
          "embed_out.weight": n(vocab, width)}
    return config, t


def folder(path, model, dtype="F32", shards=1):
    config, tensors = model
    os.makedirs(path, exist_ok=True)
    with open(f"{path}/config.json", "w") as f:
        json.dump(config, f)
    if shards == 1:
        safetensors(f"{path}/model.safetensors", tensors, dtype, {"format": "pt"})
        return
    names, where = list(tensors), {}
    for s in range(shards):
        file = f"model-{s + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[s::shards]}
        where |= {name: file for name in part}
        safetensors(f"{path}/{file}", part, dtype)
    with open(f"{path}/model.safetensors.index.json", "w") as f:
        json.dump({"metadata": {}, "weight_map": where}, f)
