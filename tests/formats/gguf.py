"""GGUF files, written and read without Capstan."""
import struct

import numpy as np

TYPES = {"u8": (0, "<B"), "i8": (1, "<b"), "u16": (2, "<H"), "i16": (3, "<h"), "u32": (4, "<I"), "i32": (5, "<i"),
         "f32": (6, "<f"), "bool": (7, "<B"), "u64": (10, "<Q"), "i64": (11, "<q"), "f64": (12, "<d")}
FORMATS = dict(TYPES.values())
NUMBERS = {0: ("<f4", 1), 1: ("<f2", 1), 30: ("<u2", 1)}


def text(x):
    x = x if isinstance(x, bytes) else x.encode()
    return struct.pack("<Q", len(x)) + x


def value(kind, x):
    if kind == "text":
        return struct.pack("<I", 8) + text(x)
    if kind == "raw":
        return x
    if kind.startswith("list "):
        item = kind[5:]
        items = b"".join(text(i) for i in x) if item == "text" else b"".join(struct.pack(TYPES[item][1], i) for i in x)
        return struct.pack("<IIQ", 9, 8 if item == "text" else TYPES[item][0], len(x)) + items
    return struct.pack("<I", TYPES[kind][0]) + struct.pack(TYPES[kind][1], x)


def bf16(x):
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def stored(x, dtype):
    if dtype == 8:
        blocks = x.reshape(-1, 32).astype(np.float32)
        d = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float32)
        q = np.where(d > 0, np.round(blocks / np.where(d > 0, d, 1)), 0).astype(np.int8)
        return b"".join(h.tobytes() + row.tobytes() for h, row in zip(d.astype("<f2"), q))
    return (bf16(x) if dtype == 30 else x.astype(NUMBERS[dtype][0])).tobytes()


def write(path, pairs, tensors, version=3, counts=None, alignment=32, offsets=None):
    """pairs: [(key, kind, value)]; tensors: [(name, array, ggml type)]."""
    infos, data = b"", b""
    for i, (name, x, dtype) in enumerate(tensors):
        blob = stored(x, dtype)
        offset = offsets[i] if offsets else len(data)
        infos += text(name) + struct.pack(f"<I{x.ndim}QIQ", x.ndim, *reversed(x.shape), dtype, offset)
        data += blob + b"\0" * (-len(blob) % alignment)
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(pairs))))
    head += b"".join(text(key) + value(kind, x) for key, kind, x in pairs) + infos
    with open(path, "wb") as f:
        f.write(head + b"\0" * (-len(head) % alignment) + data)


def read(path):
    """(pairs, tensors): tensors as float arrays."""
    data = open(path, "rb").read()
    at = 4

    def take(format_):
        nonlocal at
        x = struct.unpack_from(format_, data, at)[0]
        at += struct.calcsize(format_)
        return x

    def take_text():
        nonlocal at
        size = take("<Q")
        at += size
        return data[at - size:at].decode()

    def take_value(kind):
        if kind == 8:
            return take_text()
        if kind == 9:
            item, count = take("<I"), take("<Q")
            return [take_value(item) for _ in range(count)]
        return take(FORMATS[kind])

    assert data[:4] == b"GGUF" and take("<I") == 3
    tensor_count, pair_count = take("<Q"), take("<Q")
    pairs = {}
    for _ in range(pair_count):
        key = take_text()
        pairs[key] = take_value(take("<I"))
    infos = []
    for _ in range(tensor_count):
        name, rank = take_text(), take("<I")
        shape = [take("<Q") for _ in range(rank)][::-1]
        infos.append((name, shape, take("<I"), take("<Q")))
    begin = (at + 31) // 32 * 32
    tensors = {}
    for name, shape, dtype, offset in infos:
        assert offset % 32 == 0
        count = int(np.prod(shape))
        if dtype == 8:
            raw = np.frombuffer(data, np.uint8, count // 32 * 34, begin + offset).reshape(-1, 34)
            x = raw[:, :2].copy().view("<f2").astype(np.float32) * raw[:, 2:].view(np.int8).astype(np.float32)
        else:
            x = np.frombuffer(data, NUMBERS[dtype][0], count, begin + offset)
            x = (x.astype(np.uint32) << 16).view(np.float32) if dtype == 30 else x
        tensors[name] = x.astype(np.float64).reshape(shape)
    return pairs, tensors
