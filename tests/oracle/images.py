#!/usr/bin/python3
"""Prints what PyTorch makes of images and signals, as C tables in Lamina's layout.

PyTorch has channels after the batch, Lamina has them last; kernels are [K, C, H, W] there and
[H, W, C, K] here. See layers.py.

    /usr/bin/python3 tests/oracle/images.py layers > tests/oracle/images.inc
    /usr/bin/python3 tests/oracle/images.py batch_norm > tests/oracle/batch_norm.inc
"""
import sys

import torch
import torch.nn.functional as F

from layers import array, print_rows, random

torch.manual_seed(2)


def first(x):
    """Channels last to channels first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def kernel(w):
    """[(H,) W, C, K] to [K, C, (H,) W]."""
    return w.movedim((-1, -2), (0, 1))


def case(plugin, settings, x, weights, function):
    """function gets and gives channels first, weights as Lamina has them."""
    return ("layer", plugin, settings, [x], weights, lambda x, *w: last(function(first(x), *w)))


def conv2d(settings, x, w, b, **options):
    weights = [w] if b is None else [w, b]
    return case("conv2d", settings, x, weights,
                lambda x, w, b=None: F.conv2d(x, kernel(w), b, **options))


def conv1d(settings, x, w, b, **options):
    return case("conv1d", settings, x, [w, b],
                lambda x, w, b: F.conv1d(x, kernel(w), b, **options))


def transposed(settings, x, w, b, **options):
    """PyTorch: [C, K / groups, H, W]; Lamina: [H, W, K / groups, C]."""
    return case("conv_transpose2d", settings, x, [w, b],
                lambda x, w, b: F.conv_transpose2d(x, kernel(w), b, **options))


def circular(x, w, b):
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), kernel(w), b)


def apart(*shape):
    """Numbers of which no two are near to each other."""
    n = torch.Size(shape).numel()
    return (torch.randperm(n).to(torch.float64) / 8 - n / 16).reshape(shape)


def norm(plugin, settings, x, function):
    return case(plugin, settings, x, [random(x.shape[-1]), random(x.shape[-1])], function)


def batch_norm(x, w, b, eps=1e-5):
    return F.batch_norm(x, None, None, w, b, training=True, eps=eps)


def group_norm(groups, eps=1e-5):
    return lambda x, w, b: F.group_norm(x, groups, w, b, eps)


def pad(*amounts, mode):
    return lambda x: F.pad(x, amounts, mode=mode)


def up(factor, mode, align=None):
    return lambda x: F.interpolate(x, scale_factor=factor, mode=mode, align_corners=align)


CASES = [
    conv2d("{filters: 3}", random(2, 5, 4, 2), random(3, 3, 2, 3), random(3)),
    conv2d("{filters: 2, kernel: [2, 3], stride: [3, 1], padding: [1, 2], bias: false}",
           random(1, 6, 4, 3), random(2, 3, 3, 2), None, stride=(3, 1), padding=(1, 2)),
    conv2d("{filters: 4, dilation: 2, padding: 2, groups: 2}", random(2, 4, 5, 4),
           random(3, 3, 2, 4), random(4), dilation=2, padding=2, groups=2),
    case("conv2d", "{filters: 2, border: circular, padding: 1}", random(1, 4, 5, 2),
         [random(3, 3, 2, 2), random(2)], circular),
    conv1d("{filters: 3, kernel: 4, stride: 2, padding: 1}", random(2, 9, 2), random(4, 2, 3),
           random(3), stride=2, padding=1),
    conv1d("{filters: 4, dilation: 3, groups: 2}", random(1, 9, 4), random(3, 2, 4), random(4),
           dilation=3, groups=2),
    transposed("{filters: 2}", random(2, 3, 2, 3), random(3, 3, 2, 3), random(2)),
    transposed("{filters: 4, kernel: [4, 3], stride: [2, 3], padding: [1, 0], groups: 2,"
               " output_padding: [1, 2]}", random(1, 3, 2, 6), random(4, 3, 2, 6), random(4),
               stride=(2, 3), padding=(1, 0), groups=2, output_padding=(1, 2)),
    transposed("{filters: 1, kernel: 2, dilation: 3, padding: 1}", random(1, 2, 3, 2),
               random(2, 2, 1, 2), random(1), dilation=3, padding=1),
    case("max_pool2d", "{}", apart(2, 5, 4, 3), [], lambda x: F.max_pool2d(x, 2)),
    case("max_pool2d", "{kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 2]}",
         apart(1, 6, 5, 2), [],
         lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 0), (1, 2))),
    case("max_pool2d", "{kernel: 3, stride: 2, padding: 1, ceil: true}", apart(1, 6, 4, 2), [],
         lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    case("max_pool1d", "{kernel: 3, stride: 2, padding: 1}", apart(2, 8, 3), [],
         lambda x: F.max_pool1d(x, 3, 2, 1)),
    case("avg_pool2d", "{}", random(2, 5, 4, 3), [], lambda x: F.avg_pool2d(x, 2)),
    case("avg_pool2d", "{kernel: 3, stride: 2, padding: 1, ceil: true}", random(1, 6, 4, 2), [],
         lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)),
    case("avg_pool2d", "{kernel: 3, stride: 2, padding: 1, ceil: true, count_padding: true}",
         random(1, 6, 4, 2), [], lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)),
    case("avg_pool1d", "{kernel: 3, stride: 2, padding: 1, count_padding: true}", random(2, 8, 3),
         [], lambda x: F.avg_pool1d(x, 3, 2, 1)),
    ("layer", "global_avg_pool", "{}", [random(2, 5, 4, 3)], [], lambda x: x.mean((1, 2))),
    norm("batch_norm", "{}", random(3, 2, 4, 5), batch_norm),
    norm("batch_norm", "{epsilon: 0.1}", random(9, 3, scale=4.0),
         lambda x, w, b: batch_norm(x, w, b, 0.1)),
    norm("group_norm", "{groups: 2}", random(3, 2, 4, 6), group_norm(2)),
    norm("group_norm", "{groups: 5, epsilon: 0.1}", random(2, 3, 5), group_norm(5, 0.1)),
    norm("group_norm", "{groups: 1}", random(4, 7), group_norm(1)),
    case("pad", "{padding: [1, 2, 3, 0]}", random(1, 3, 4, 2), [],
         pad(3, 0, 1, 2, mode="constant")),
    case("pad", "{padding: [1, 2], border: reflect}", random(2, 3, 4, 2), [],
         pad(2, 2, 1, 1, mode="reflect")),
    case("pad", "{padding: [3, 1, 2, 4], border: circular}", random(2, 3, 4, 2), [],
         pad(2, 4, 3, 1, mode="circular")),
    case("pad", "{padding: 3, border: edge}", random(1, 2, 3, 2), [],
         pad(3, 3, 3, 3, mode="replicate")),
    case("crop", "{size: [2, 3], offset: [1, 2]}", random(2, 4, 5, 3), [],
         lambda x: x[:, :, 1:3, 2:5]),
    case("upsample", "{}", random(2, 3, 2, 3), [], up(2, "nearest")),
    case("upsample", "{factor: [3, 2], mode: bilinear}", random(2, 3, 4, 2), [],
         up((3, 2), "bilinear", False)),
    case("upsample", "{factor: [2, 4], mode: bilinear, align_corners: true}", random(1, 3, 2, 2),
         [], up((2, 4), "bilinear", True)),
]


def print_batch_norm():
    """Running mean and variance after three batches, and what evaluation makes of the last."""
    layer = torch.nn.BatchNorm2d(3, momentum=0.25, affine=False).to(torch.float64)
    batches = random(3, 4, 2, 5, 3, scale=2.0) + random(3)
    for batch in batches:
        layer(first(batch))
    array("oracle_batches", batches)
    array("oracle_running_mean", layer.running_mean)
    array("oracle_running_variance", layer.running_var)
    array("oracle_evaluated", last(layer.eval()(first(batches[-1]))))


def main():
    print("/* Generated by images.py with PyTorch %s: do not edit. */" % torch.__version__)
    if sys.argv[1] == "batch_norm":
        print_batch_norm()
    else:
        print_rows(CASES, "image")


main()
