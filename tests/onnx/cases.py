#!/usr/bin/python3
"""Turns the operator cases of ONNX into what test_onnx.c reads.

    cases.py FOLDER OUTPUT

FOLDER is Debian's /usr/share/libonnx-testdata/data (package libonnx-testdata): each case has a
model of one node, its inputs and its outputs. ONNX has channels after the batch, Lamina has them
last. Cases of convolution, pooling, normalization and padding become lines in OUTPUT:

    case NAME PLUGIN SHAPE MODE SETTINGS      (MODE: train, evaluate)
    in | weight | state | out NUMBER...

and those that Lamina's layers cannot express become "left NAME REASON". Only the little of
Protocol Buffers that is needed is read here: fields of varints, of 4 and 8 bytes, and of length.
"""
import math
import os
import struct
import sys

FLOAT, INT32, INT64 = 1, 6, 7
SPATIAL = {1: "1d", 2: "2d"}


class Left(Exception):
    """Why a case cannot be expressed."""


# ---- Protocol Buffers ----

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """Numbers and values of a message's fields; values are integers or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            length = {1: 8, 5: 4}.get(key & 7)
            if length is None:
                length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def integers(values):
    """A repeated integer, packed or not."""
    result = []
    for value in values:
        if isinstance(value, int):
            result.append(signed(value))
            continue
        at = 0
        while at < len(value):
            number, at = varint(value, at)
            result.append(signed(number))
    return result


def message(data):
    """A message as lists of values by field number."""
    result = {}
    for number, value in fields(data):
        result.setdefault(number, []).append(value)
    return result


def tensor(data):
    """(name, dims, numbers) of a TensorProto of floats or int64."""
    parts = message(data)
    dims, kind = integers(parts.get(1, [])), parts[2][0]
    raw = b"".join(parts.get(9, []) or parts.get(4, []))
    if kind == FLOAT:
        numbers = list(struct.unpack("<%df" % (len(raw) // 4), raw))
    elif kind == INT32 and 9 in parts:
        numbers = list(struct.unpack("<%di" % (len(raw) // 4), raw))
    elif kind == INT64:
        numbers = (list(struct.unpack("<%dq" % (len(raw) // 8), raw)) if 9 in parts
                   else integers(parts.get(7, [])))
    else:
        raise Left("quantized numbers")
    return parts.get(8, [b""])[0].decode(), Tensor(dims, numbers)


class Tensor:
    """Dims and numbers in row-major order."""

    def __init__(self, dims, numbers):
        self.dims, self.numbers = list(dims), numbers

    def permuted(self, order):
        strides = [math.prod(self.dims[i + 1:]) for i in range(len(self.dims))]
        dims, offsets = [self.dims[i] for i in order], [0]
        for axis in order:
            offsets = [o + i * strides[axis] for o in offsets for i in range(self.dims[axis])]
        return Tensor(dims, [self.numbers[o] for o in offsets])

    def channels_last(self):
        """[N, C, ...] to [N, ..., C]."""
        n = len(self.dims)
        return self.permuted([0] + list(range(2, n)) + [1]) if n > 2 else self


# ---- models ----

def attribute(data):
    parts = message(data)
    name = parts[1][0].decode()
    if 2 in parts:
        return name, struct.unpack("<f", parts[2][0])[0]
    if 3 in parts:
        return name, signed(parts[3][0])
    if 4 in parts:
        return name, parts[4][0].decode()
    if 5 in parts:
        return name, tensor(parts[5][0])[1]
    return name, integers(parts.get(8, []))


class Case:
    """A model of one node, constants aside, and its data."""

    def __init__(self, folder):
        with open(os.path.join(folder, "model.onnx"), "rb") as file:
            self.graph = message(message(file.read())[7][0])
        self.folder, self.mode = folder, "evaluate"
        nodes = [message(data) for data in self.graph.get(1, [])]
        self.constants = [n for n in nodes if n[4][0] == b"Constant"]
        self.nodes = [n for n in nodes if n[4][0] != b"Constant"]
        self.operators = [n[4][0].decode() for n in self.nodes]

    def load(self):
        self.values = dict(tensor(data) for data in self.graph.get(5, []))
        inputs = [message(data)[1][0].decode() for data in self.graph.get(11, [])]
        fed = [name for name in inputs if name not in self.values] or inputs
        for node in self.constants:
            self.values[node[2][0].decode()] = dict(attribute(a) for a in node[5])["value"]
        node = self.nodes[0]
        self.attributes = dict(attribute(a) for a in node.get(5, []))
        data = os.path.join(self.folder, "test_data_set_0")
        for i, name in enumerate(fed):
            with open(os.path.join(data, "input_%d.pb" % i), "rb") as file:
                self.values[name] = tensor(file.read())[1]
        with open(os.path.join(data, "output_0.pb"), "rb") as file:
            self.out = tensor(file.read())[1]
        names = [name.decode() for name in node[1]]
        self.inputs = [self.values[name] if name else None for name in names]
        return self

    def get(self, name, default=None):
        return self.attributes.get(name, default)


# ---- operators ----

def listed(numbers):
    return "[%s]" % ", ".join(str(n) for n in numbers)


def spatial(case):
    axes = len(case.inputs[0].dims) - 2
    if axes not in SPATIAL:
        raise Left("%d axes of windows" % axes)
    return axes


def borders(pads, axes):
    """ONNX: [top, left, bottom, right]; Lamina: [top, bottom, left, right]."""
    return [n for i in range(axes) for n in (pads[i], pads[i + axes])]


def lower(case, kernel, strides, dilations):
    """SAME_LOWER: as `same`, with the odd one before."""
    pads = []
    for size, k, s, d in zip(case.inputs[0].dims[2:], kernel, strides, dilations):
        needed = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        pads += [needed - needed // 2, needed // 2]
    return pads


def windows(case, axes, kernel):
    """Settings of a window."""
    strides, dilations = case.get("strides", [1] * axes), case.get("dilations", [1] * axes)
    settings = {"kernel": listed(kernel), "stride": listed(strides), "dilation": listed(dilations)}
    automatic = case.get("auto_pad", "NOTSET")
    if automatic == "SAME_UPPER":
        settings["same"] = "true"
    elif automatic == "SAME_LOWER":
        settings["padding"] = listed(lower(case, kernel, strides, dilations))
    elif automatic == "NOTSET":
        settings["padding"] = listed(borders(case.get("pads", [0] * 2 * axes), axes))
    return settings


def convolution(case):
    x, w = case.inputs[:2]
    axes = spatial(case)
    settings = windows(case, axes, w.dims[2:])
    settings.update(filters=w.dims[0], groups=case.get("group", 1),
                    bias=str(len(case.inputs) > 2).lower())
    weights = [w.permuted(list(range(2, axes + 2)) + [1, 0])] + case.inputs[2:]
    return "conv" + SPATIAL[axes], settings, x.channels_last(), {"weight": weights}


def transposed(case):
    if spatial(case) == 1:  # an image of height 1
        for t in case.inputs[:2] + [case.out]:
            t.dims.insert(2, 1)
        if set(case.attributes) - {"group"}:
            raise Left("attributes of one axis")
    x, w = case.inputs[:2]
    axes = 2
    strides, dilations = case.get("strides", [1] * axes), case.get("dilations", [1] * axes)
    more = case.get("output_padding", [0] * axes)
    pads = borders(case.get("pads", [0] * 2 * axes), axes)
    shape = case.get("output_shape")
    if case.get("auto_pad", "NOTSET").startswith("SAME"):
        shape = [n * s for n, s in zip(x.dims[2:], strides)]
    for i in range(axes if shape else 0):
        cut = (strides[i] * (x.dims[2 + i] - 1) + more[i] + dilations[i] * (w.dims[2 + i] - 1) + 1
               - shape[i])
        pads[2 * i:2 * i + 2] = [cut // 2, cut - cut // 2]
        if case.get("auto_pad") != "SAME_UPPER":
            pads[2 * i:2 * i + 2] = reversed(pads[2 * i:2 * i + 2])
        if cut < 0:
            pads[2 * i:2 * i + 2], more[i] = [0, 0], more[i] - cut
    groups = case.get("group", 1)
    settings = {"filters": w.dims[1] * groups, "groups": groups, "kernel": listed(w.dims[2:]),
                "stride": listed(strides), "dilation": listed(dilations),
                "padding": listed(pads), "output_padding": listed(more),
                "bias": str(len(case.inputs) > 2).lower()}
    weights = [w.permuted([2, 3, 1, 0])] + case.inputs[2:]
    return "conv_transpose2d", settings, x.channels_last(), {"weight": weights}


def pooling(name):
    def convert(case):
        axes = spatial(case)
        settings = windows(case, axes, case.get("kernel_shape"))
        settings["ceil"] = str(bool(case.get("ceil_mode", 0))).lower()
        if name == "avg_pool":
            settings["count_padding"] = str(bool(case.get("count_include_pad", 0))).lower()
        return name + SPATIAL[axes], settings, case.inputs[0].channels_last(), {}
    return convert


def global_average(case):
    case.out = Tensor(case.out.dims[:2], case.out.numbers)
    return "global_avg_pool", {}, case.inputs[0].channels_last(), {}


def global_maximum(case):
    axes = spatial(case)
    settings = {"kernel": listed(case.inputs[0].dims[2:])}
    return "max_pool" + SPATIAL[axes], settings, case.inputs[0].channels_last(), {}


def batch_norm(case):
    x, scale, shift, mean, variance = case.inputs
    case.mode = "train" if case.get("training_mode", 0) else "evaluate"
    settings = {"epsilon": case.get("epsilon", 1e-5)}
    return "batch_norm", settings, x.channels_last(), {"weight": [scale, shift],
                                                       "state": [mean, variance]}


def instance_norm(case):
    x, scale, shift = case.inputs
    settings = {"epsilon": case.get("epsilon", 1e-5), "groups": x.dims[1]}
    return "group_norm", settings, x.channels_last(), {"weight": [scale, shift]}


def layer_norm(case):
    """All axes from `axis` on are normalized: with rows of as many channels, one group."""
    x, scale, shift = case.inputs
    axis = case.get("axis", -1) % len(x.dims)
    channels = math.prod(x.dims[axis:])
    settings = {"epsilon": case.get("epsilon", 1e-5)}
    rows = [math.prod(x.dims[:axis]), channels]
    case.out = Tensor(rows, case.out.numbers)
    return "group_norm", settings, Tensor(rows, x.numbers), {
        "weight": [Tensor([channels], t.numbers) for t in (scale, shift)]}


def pad(case):
    x = case.inputs[0]
    pads = case.get("pads") or case.inputs[1].numbers
    n = len(x.dims)
    if n != 4 or any(pads[i] or pads[i + n] for i in (0, 1)) or min(pads) < 0:
        raise Left("other axes than height and width, or negative padding")
    mode = case.get("mode", "constant")
    value = case.get("value", 0.0)
    if len(case.inputs) > 2 and case.inputs[2] is not None:
        value = case.inputs[2].numbers[0]
    settings = {"padding": listed([pads[2], pads[n + 2], pads[3], pads[n + 3]]), "value": value,
                "border": {"constant": "zeros"}.get(mode, mode)}
    return "pad", settings, x.channels_last(), {}


def none(reason):
    def convert(case):
        raise Left(reason)
    return convert


OPERATORS = {
    "Conv": convolution,
    "ConvTranspose": transposed,
    "MaxPool": pooling("max_pool"),
    "AveragePool": pooling("avg_pool"),
    "GlobalAveragePool": global_average,
    "GlobalMaxPool": global_maximum,
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "Pad": pad,
    "ConvInteger": none("quantized numbers"),
    "QLinearConv": none("quantized numbers"),
    "MaxUnpool": none("there is no such layer"),
    "LpPool": none("there is no such layer"),
    "GlobalLpPool": none("there is no such layer"),
    "LRN": none("there is no such layer"),
    "MeanVarianceNormalization": none("there is no such layer"),
}


def line(word, tensor_):
    return "%s %s" % (word, " ".join("%.9g" % number for number in tensor_.numbers))


def convert(name, case):
    plugin, settings, x, rest = OPERATORS[case.operators[0]](case)
    text = "{%s}" % ", ".join("%s: %s" % item for item in settings.items())
    lines = ["case %s %s %s %s %s" % (name, plugin, "x".join(str(d) for d in x.dims), case.mode,
                                      text)]
    lines.append(line("in", x))
    for role in ("weight", "state"):
        lines += [line(role, t) for t in rest.get(role, [])]
    lines.append(line("out", case.out.channels_last()))
    return lines


def main(folder, output):
    with open(output, "w", encoding="ascii") as file:
        for kind in ("node", "pytorch-converted", "pytorch-operator"):
            for name in sorted(os.listdir(os.path.join(folder, kind))):
                case = Case(os.path.join(folder, kind, name))
                if len(case.operators) != 1 or case.operators[0] not in OPERATORS:
                    continue
                try:
                    lines = convert(name, case.load())
                except Left as left:
                    lines = ["left %s %s" % (name, left)]
                file.write("\n".join(lines) + "\n")


main(*sys.argv[1:])
