"""The workloads of `make bench`: which experiment, which batches, and how much work a step is.

Work is that of matrix products and convolutions: multiply-adds counted by the definition, so that
an algorithm that saves some (Winograd's) may reach more than the machine's ceiling. Bytes are what
those products and the update of the weights must move when every pass over a tensor goes to
memory: less than that, and more than the roof allows, is what caches are for.
"""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIGS = os.path.join(os.path.dirname(HERE), "configs")

FLOAT = 4


class Product:
    """One layer with weights: what a sample takes."""

    def __init__(self, macs, inputs, outputs, weights):
        self.macs, self.inputs, self.outputs, self.weights = macs, inputs, outputs, weights


def dense(inputs, outputs):
    return Product(inputs * outputs, inputs, outputs, inputs * outputs)


def conv(size, channels, filters, kernel, stride=1, same=True):
    """Square images of `size` pixels; same: padded, otherwise not."""
    out = (size + stride - 1) // stride if same else (size - kernel) // stride + 1
    weights = kernel * kernel * channels * filters
    return Product(out * out * weights, size * size * channels, out * out * filters, weights)


def resnet20():
    layers = [conv(32, 3, 16, 3)]
    for size, channels, filters in ((32, 16, 16), (32, 16, 32), (16, 32, 64)):
        stride = 1 if channels == filters else 2
        layers += [conv(size, channels, filters, 3, stride), conv(size // stride, filters, filters,
                                                                  3)]
        if stride == 2:
            layers.append(conv(size, channels, filters, 1, 2))
        layers += 4 * [conv(size // stride, filters, filters, 3)]
    return layers + [dense(64, 10)]


LAYERS = {
    "w1": [dense(784, 512), dense(512, 256), dense(256, 10)],
    "w2": [conv(28, 1, 20, 5, same=False), conv(12, 20, 50, 5, same=False), dense(800, 500),
           dense(500, 10)],
    "w3": [conv(32, 3, 64, 3), conv(32, 64, 64, 3), conv(16, 64, 128, 3), conv(16, 128, 128, 3),
           conv(8, 128, 256, 3), conv(8, 256, 256, 3), dense(4096, 256), dense(256, 10)],
    "w4": [dense(784, 400), dense(400, 40), dense(20, 400), dense(400, 784)],
    "w5": resnet20(),
    "w6": [dense(2, 16), dense(16, 16), dense(16, 1)],
}

EXPERIMENTS = {
    "w1": os.path.join(HERE, "w1.yaml"),
    "w2": os.path.join(CONFIGS, "mnist-lenet.yaml"),
    "w3": os.path.join(CONFIGS, "cifar-vgg.yaml"),
    "w4": os.path.join(CONFIGS, "mnist-vae.yaml"),
    "w5": os.path.join(CONFIGS, "cifar-resnet20.yaml"),
    "w6": os.path.join(HERE, "w6.yaml"),
}

# What a weight's update moves besides its gradient: with momentum it reads and writes the weight
# and the momentum; Adam has one state more; plain SGD none.
UPDATE = {"w1": 4, "w2": 4, "w3": 4, "w4": 6, "w5": 4, "w6": 2}

# name, workload, batch
ROWS = [("W1 b64", "w1", 64), ("W1 b256", "w1", 256), ("W2 b64", "w2", 64), ("W3 b64", "w3", 64),
        ("W4 b128", "w4", 128), ("W5 b128", "w5", 128), ("W6 b1", "w6", 1), ("W6 b32", "w6", 32)]


def exists(workload):
    return os.path.exists(EXPERIMENTS[workload])


def is_overhead(workload):
    """Too little work for a share of a ceiling to mean anything."""
    return workload == "w6"


def training_work(workload, batch):
    """(floating-point operations, bytes) of a step: forward, both gradients, update. Nobody asks
    for the gradient of the first layer's input."""
    macs, floats = 0, 0
    for at, layer in enumerate(LAYERS[workload]):
        ends = batch * (layer.inputs + layer.outputs)
        passes = 2 if at == 0 else 3
        macs += passes * batch * layer.macs
        floats += passes * (ends + layer.weights) + (1 + UPDATE[workload]) * layer.weights
    return 2 * macs, FLOAT * floats


def inference_work(workload, batch):
    """(floating-point operations, bytes) of a run forward."""
    layers = LAYERS[workload]
    macs = batch * sum(layer.macs for layer in layers)
    floats = sum(batch * (layer.inputs + layer.outputs) + layer.weights for layer in layers)
    return 2 * macs, FLOAT * floats


def roof(flops, size, ceiling, cached=False):
    """GFLOP/s that work of so many operations and bytes can reach at most, for a row of
    `ceiling`: as much as its memory, or its last cache, feeds, or its units can do."""
    return min(ceiling["gflops"],
               flops / size * ceiling["cached_gbytes_per_s" if cached else "gbytes_per_s"])
