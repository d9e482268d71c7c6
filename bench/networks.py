"""The networks of the workloads in PyTorch, and their data, for the peers of `make bench` and for
accuracy.py. Works with PyTorch 1.13 and 2; `torch` is handed in, so that importing this costs
nothing.
"""
import gzip
import os


def open_file(*path):
    path = os.path.join(os.environ["LAMINA_DATA"], *path)
    return gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb")


# ---- data ----

def digits(torch, part="train"):
    """Images [N, 1, 28, 28] from 0 to 1, and labels."""
    import numpy
    with open_file("mnist", f"{part}-images-idx3-ubyte") as file:
        images = numpy.frombuffer(file.read(), numpy.uint8, offset=16)
    with open_file("mnist", f"{part}-labels-idx1-ubyte") as file:
        labels = numpy.frombuffer(file.read(), numpy.uint8, offset=8)
    images = torch.tensor(images).reshape(-1, 1, 28, 28).float().div_(255)
    return images, torch.tensor(labels).long()


def photographs(torch, part="data_batch_1"):
    """Images [N, 3, 32, 32] from 0 to 1, and labels."""
    import numpy
    with open_file("cifar-10-batches-bin", part + ".bin") as file:
        records = numpy.frombuffer(file.read(), numpy.uint8).reshape(-1, 3073)
    images = torch.tensor(records[:, 1:]).reshape(-1, 3, 32, 32).float().div_(255)
    return images, torch.tensor(records[:, 0]).long()


def moons(torch, count=10000):
    upper = torch.rand(count, 1) < 0.5
    angle = torch.rand(count, 1) * torch.pi
    x = torch.where(upper, torch.cos(angle), 1 - torch.cos(angle))
    y = torch.where(upper, torch.sin(angle), 0.5 - torch.sin(angle))
    return torch.cat([x, y], 1) + 0.1 * torch.randn(count, 2), (~upper).float()


# ---- networks ----

def perceptron(torch):
    nn = torch.nn
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2),
                         nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 10))


def lenet(torch):
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 500), nn.ReLU(),
                         nn.Linear(500, 10))


def vgg(torch):
    nn = torch.nn
    layers, channels = [], 3
    for filters in (64, 128, 256):
        for _ in range(2):
            layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False),
                       nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4096, 256), nn.ReLU(),
                         nn.Linear(256, 10))


def resnet20(torch):
    nn = torch.nn

    def normalized(channels, filters, kernel, stride):
        return [nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(filters)]

    class Block(nn.Module):
        def __init__(self, channels, filters):
            super().__init__()
            stride = 1 if channels == filters else 2
            self.change = nn.Sequential(*normalized(channels, filters, 3, stride),
                                        nn.ReLU(inplace=True), *normalized(filters, filters, 3, 1))
            self.shortcut = nn.Identity() if stride == 1 else \
                nn.Sequential(*normalized(channels, filters, 1, stride))

        def forward(self, x):
            return torch.relu(self.change(x) + self.shortcut(x))

    blocks = [Block(channels, filters) for filters in (16, 32, 64)
              for channels in (max(16, filters // 2), filters, filters)]
    return nn.Sequential(*normalized(3, 16, 3, 1), nn.ReLU(inplace=True), *blocks,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def autoencoder(torch):
    """The variational one of Kingma and Welling; gives logits, mean and logarithm of variance."""
    nn = torch.nn

    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(),
                                         nn.Linear(400, 40))
            self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

        def forward(self, x):
            mean, log_variance = self.encoder(x).chunk(2, 1)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            return self.decoder(z), mean, log_variance

    return Autoencoder()


def small(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(),
                         nn.Linear(16, 1))


def negative_elbo(torch):
    """Mean over the batch of the sums over each sample; the target is the image."""
    bernoulli = torch.nn.functional.binary_cross_entropy_with_logits

    def loss(out, images):
        logits, mean, log_variance = out
        misfit = bernoulli(logits, images.flatten(1), reduction="sum")
        distance = -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())
        return (misfit + distance) / len(images)

    return loss


class Task:
    """What is trained, on what, and how: as in the experiment of that workload."""

    def __init__(self, torch, workload):
        functional = torch.nn.functional
        makers = {"w1": perceptron, "w2": lenet, "w3": vgg, "w4": autoencoder, "w5": resnet20,
                  "w6": small}
        rates = {"w1": 0.05, "w2": 0.01, "w3": 0.02, "w4": 1e-3, "w5": 0.1, "w6": 0.05}
        self.torch, self.workload, self.rate = torch, workload, rates[workload]
        self.is_image = workload in ("w2", "w3", "w5")
        self.net = makers[workload](torch)
        self.loss = functional.cross_entropy
        if workload == "w4":
            self.loss = negative_elbo(torch)
        elif workload == "w6":
            self.loss = functional.binary_cross_entropy_with_logits

    def data(self, test=False):
        if self.workload == "w6":
            return moons(self.torch)
        if self.workload in ("w3", "w5"):
            return photographs(self.torch, "test_batch" if test else "data_batch_1")
        inputs, labels = digits(self.torch, "t10k" if test else "train")
        if not self.is_image:
            inputs = inputs.flatten(1)
        return inputs, inputs if self.workload == "w4" else labels

    def optimizer(self, foreach):
        """As the experiment has it: W5 has a penalty on weights, not on biases and scales."""
        optim = self.torch.optim
        more = {"foreach": True} if foreach else {}
        if self.workload == "w4":
            return optim.Adam(self.net.parameters(), lr=self.rate, **more)
        momentum = 0.0 if self.workload == "w6" else 0.9
        decay = 1e-4 if self.workload == "w5" else 0.0
        weights = [p for p in self.net.parameters() if p.dim() > 1]
        others = [p for p in self.net.parameters() if p.dim() <= 1]
        return optim.SGD([{"params": weights, "weight_decay": decay}, {"params": others}],
                         lr=self.rate, momentum=momentum, **more)


SHAPES = {"w1": (784,), "w2": (1, 28, 28), "w3": (3, 32, 32)}
