#!/usr/bin/python3
"""Prints what PyTorch's layers and losses make of some numbers, as C tables.

PyTorch computes in float64; inputs and weights are float32 numbers. dy is the gradient of the
outputs. The network is one of three layers with two activations in between.

    /usr/bin/python3 tests/oracle/layers.py layers > tests/oracle/layers.inc
    /usr/bin/python3 tests/oracle/layers.py network > tests/oracle/network.inc
"""
import itertools
import sys
import textwrap

import torch
import torch.nn.functional as F

torch.manual_seed(1)


def random(*shape, scale=1.0):
    """Float32 numbers around 0, as float64."""
    return (scale * torch.randn(*shape)).to(torch.float32).to(torch.float64)


def floats(*numbers):
    return torch.tensor(numbers, dtype=torch.float32).to(torch.float64)


def shares(*shape):
    """Rows of probabilities."""
    return torch.softmax(random(*shape), -1).to(torch.float32).to(torch.float64)


def cross_entropy(x, t, **settings):
    """PyTorch has the classes on axis 1, Lamina on the last one."""
    x = x.reshape(-1, x.shape[-1])
    t = t.reshape(x.shape) if t.is_floating_point() else t.reshape(-1)
    return F.cross_entropy(x, t, **settings)


def bce(z, y):
    return F.binary_cross_entropy_with_logits(z, y.to(torch.float64).reshape(z.shape))


def mse(p, t):
    return F.mse_loss(p, t.reshape(p.shape))


def per_sample(loss, x):
    """The sum over a sample, the mean over the batch."""
    return loss.reshape(x.shape[0], -1).sum(1).mean()


def bernoulli(z, y):
    y = y.to(torch.float64).reshape(z.shape)
    return per_sample(F.binary_cross_entropy_with_logits(z, y, reduction="none"), z)


def gaussian(p, t, v=None, sigma=1.0):
    v = torch.full_like(p, sigma * sigma) if v is None else v.exp()
    return per_sample(F.gaussian_nll_loss(p, t.reshape(p.shape), v, full=True, reduction="none",
                                          eps=0), p)


def gaussian_kl(mu, v, free_bits=0.0):
    code = torch.distributions.Normal(mu, (0.5 * v).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    kl = torch.distributions.kl_divergence(code, prior)
    return torch.clamp(kl.reshape(mu.shape[0], -1).mean(0), min=free_bits).sum()


WIDE = floats(0.0, 1e-6, -1e-6, 0.1, -0.1, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.5, -3.5, 5.0, -5.0,
              8.0, -8.0, 12.0, -12.0, 25.0, -25.0, 80.0, -80.0, 1e4).reshape(4, 6)
STEEP = floats(1e4, 0.0, -1e4, -1e4, -1e4, -1e4, 0.0, 30.0, 60.0, 1.0, 2.0, 3.0).reshape(4, 3)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])

# kind, plugin, settings, inputs (labels with the number of classes), weights, function
CASES = [
    ("layer", "relu", "{}", [WIDE], [], torch.relu),
    ("layer", "sigmoid", "{}", [WIDE], [], torch.sigmoid),
    ("layer", "tanh", "{}", [WIDE], [], torch.tanh),
    ("layer", "softmax", "{}", [random(4, 5)], [], lambda x: torch.softmax(x, -1)),
    ("layer", "softmax", "{}", [random(2, 3, 33, scale=5.0)], [], lambda x: torch.softmax(x, -1)),
    ("layer", "softmax", "{}", [STEEP], [], lambda x: torch.softmax(x, -1)),
    ("layer", "dense", "{units: 3}", [random(4, 5)], [random(5, 3), random(3)],
     lambda x, w, b: F.linear(x, w.t(), b)),
    ("layer", "dense", "{units: 4, bias: false}", [random(2, 3, 5)], [random(5, 4)],
     lambda x, w: F.linear(x, w.t())),
    ("layer", "flatten", "{}", [random(2, 3, 2, 2)], [], lambda x: x.flatten(1)),
    ("layer", "add", "{}", [random(3, 4), random(3, 4), random(3, 4)], [],
     lambda a, b, c: a + b + c),
    ("loss", "cross_entropy", "{}", [random(6, 5), (LABELS, 5)], [], cross_entropy),
    ("loss", "cross_entropy", "{}", [random(2, 3, 5, scale=20.0), (LABELS.reshape(2, 3), 5)], [],
     cross_entropy),
    ("loss", "cross_entropy", "{}", [STEEP, (torch.tensor([2, 0, 2, 1]), 3)], [], cross_entropy),
    ("loss", "cross_entropy", "{label_smoothing: 0.1}", [random(6, 5), (LABELS, 5)], [],
     lambda x, t: cross_entropy(x, t, label_smoothing=0.1)),
    ("loss", "cross_entropy", "{}", [random(4, 7), shares(4, 7)], [], cross_entropy),
    ("loss", "cross_entropy", "{label_smoothing: 0.25}", [random(2, 2, 3), shares(2, 2, 3)], [],
     lambda x, t: cross_entropy(x, t, label_smoothing=0.25)),
    ("loss", "bce", "{}", [random(5, 1, scale=3.0), (torch.tensor([0, 1, 1, 0, 1]), 2)], [], bce),
    ("loss", "bce", "{}", [WIDE, (torch.arange(24).reshape(4, 6) % 2, 2)], [], bce),
    ("loss", "bce", "{}", [random(3, 4), torch.rand(3, 4).to(torch.float64)], [], bce),
    ("loss", "mse", "{}", [random(3, 4), random(3, 4)], [], mse),
    ("loss", "mse", "{}", [random(5, 1), random(5)], [], mse),
]


def later_cases():
    """Drawn after the others are printed, which so keep their numbers."""
    yield from [
        ("layer", "slice", "{begin: 1, end: -1, step: 2}", [random(2, 3, 7)], [],
         lambda x: x[..., 1:-1:2]),
        ("layer", "slice", "{begin: -2, axis: 1}", [random(2, 5, 3)], [], lambda x: x[:, -2:]),
        ("loss", "bernoulli", "{}", [random(4, 9, scale=3.0),
                                     torch.rand(4, 3, 3).to(torch.float64)], [], bernoulli),
        ("loss", "bernoulli", "{}", [WIDE, (torch.arange(24).reshape(4, 6) % 2, 2)], [], bernoulli),
        ("loss", "gaussian", "{}", [random(3, 4), random(3, 2, 2)], [], gaussian),
        ("loss", "gaussian", "{sigma: 0.3}", [random(5, 1), random(5)], [],
         lambda p, t: gaussian(p, t, sigma=0.3)),
        ("loss", "gaussian", "{}", [random(4, 3), random(4, 3), random(4, 3, scale=2.0)], [],
         gaussian),
        ("loss", "gaussian_kl", "{}", [random(4, 3), random(4, 3)], [], gaussian_kl),
        ("loss", "gaussian_kl", "{}", [random(3, 2, 5, scale=5.0), random(3, 2, 5, scale=5.0)], [],
         gaussian_kl),
        ("loss", "gaussian_kl", "{free_bits: 0.6}", [random(6, 5), random(6, 5)], [],
         lambda mu, v: gaussian_kl(mu, v, 0.6)),
    ]


def numbers(tensor):
    return ", ".join("%.17g" % number for number in tensor.detach().flatten().tolist())


def array(name, tensor):
    """Prints an array and returns its name."""
    print("static const double %s[] = {" % name)
    print("%s};" % textwrap.fill(numbers(tensor), 98, initial_indent="    ",
                                 subsequent_indent="    "))
    return name


def shape(value):
    tensor, labels = value if isinstance(value, tuple) else (value, None)
    text = "x".join(str(size) for size in tensor.shape)
    return text if labels is None else "%s:%d" % (text, labels)


def tensor_of(value):
    """A leaf whose gradient is taken, unless it is integer labels."""
    if isinstance(value, tuple):
        return value[0]
    return value.detach().clone().requires_grad_(True)


def names(prefix, tensors):
    return "{%s}" % (", ".join(array("%s_%d" % (prefix, i), tensor)
                               if tensor is not None else "NULL"
                               for i, tensor in enumerate(tensors)) or "NULL")


def print_case(at, case):
    """Prints a case's arrays, named after `at`, and returns its row."""
    kind, plugin, settings, inputs, weights, function = case
    x, w = [tensor_of(value) for value in inputs], [tensor_of(value) for value in weights]
    y = function(*x, *w)
    dy = floats(0.75).reshape(()) if kind == "loss" else random(*y.shape)
    y.backward(dy)
    parts = [names(at + "_in", x), names(at + "_weight", w), array(at + "_out", y),
             array(at + "_dy", dy), names(at + "_din", [t.grad for t in x]),
             names(at + "_dweight", [t.grad for t in w])]
    return '    {"%s", "%s", "%s", "%s",\n     %s},' % (
        kind, plugin, settings, " ".join(shape(value) for value in inputs), ",\n     ".join(parts))


def print_network():
    x, dy = random(7, 5).requires_grad_(True), random(7, 3)
    sizes, weights, y = [5, 8, 6, 3], [], x
    for i in range(3):
        w, b = random(sizes[i], sizes[i + 1], scale=0.5), random(sizes[i + 1], scale=0.5)
        weights += [w.requires_grad_(True), b.requires_grad_(True)]
        y = F.linear(y, w.t(), b)
        y = (torch.tanh, torch.relu, lambda z: z)[i](y)
    y.backward(dy)
    array("oracle_network_x", x)
    array("oracle_network_y", y)
    array("oracle_network_dy", dy)
    array("oracle_network_dx", x.grad)
    for name, tensors in (("weight", weights), ("gradient", [w.grad for w in weights])):
        listed = names("oracle_network_" + name, tensors).replace(", ", ",\n    ")
        print("static const double *const oracle_network_%ss[] = %s;" % (name, listed))


def print_rows(cases, prefix):
    """Prints all cases as a table."""
    rows = [print_case("%s_%d" % (prefix, i), case) for i, case in enumerate(cases)]
    print("\nstatic const struct oracle_row %s_rows[] = {\n%s\n};" % (prefix, "\n".join(rows)))


def main():
    print("/* Generated by layers.py with PyTorch %s: do not edit. */" % torch.__version__)
    if sys.argv[1] == "network":
        print_network()
        return
    print_rows(itertools.chain(CASES, later_cases()), "oracle")


if __name__ == "__main__":
    main()
