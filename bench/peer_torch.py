"""The same training as `lamina bench`, by PyTorch: one JSON object on standard output.

Everything that can be done before the loop is done before it: data lies in memory as float
tensors, batches are taken from tensors, gradients are set to None. Works with PyTorch 1.13 and 2.
"""
import argparse
import gzip
import json
import os
import statistics
import sys
import time

REPETITIONS = 3


def process_age():
    """Seconds since the system started this process."""
    with open("/proc/self/stat") as file:
        started = int(file.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def peak_mb():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def read_idx(folder, name, offset):
    import numpy
    path = os.path.join(folder, "mnist", name)
    with gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb") as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=offset)


def digits(torch):
    folder = os.environ["LAMINA_DATA"]
    images = read_idx(folder, "train-images-idx3-ubyte", 16)
    labels = read_idx(folder, "train-labels-idx1-ubyte", 8)
    return (torch.tensor(images).reshape(-1, 784).float().div_(255), torch.tensor(labels).long())


def moons(torch, count=10000):
    upper = torch.rand(count, 1) < 0.5
    angle = torch.rand(count, 1) * torch.pi
    x = torch.where(upper, torch.cos(angle), 1 - torch.cos(angle))
    y = torch.where(upper, torch.sin(angle), 0.5 - torch.sin(angle))
    return torch.cat([x, y], 1) + 0.1 * torch.randn(count, 2), (~upper).float()


def make(workload, torch):
    nn = torch.nn
    if workload == "w1":
        net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 256),
                            nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 10))
        return net, nn.functional.cross_entropy, digits(torch), {"lr": 0.05, "momentum": 0.9}
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(),
                        nn.Linear(16, 1))
    loss = nn.functional.binary_cross_entropy_with_logits
    return net, loss, moons(torch), {"lr": 0.05}


def batches(torch, data, size, gather):
    """Epochs without end. gather: each batch is picked; otherwise the whole set is shuffled."""
    inputs, targets = data
    while True:
        order = torch.randperm(len(inputs))
        if gather:
            for part in order.split(size):
                yield inputs.index_select(0, part), targets.index_select(0, part)
        else:
            yield from zip(inputs[order].split(size), targets[order].split(size))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=["w1", "w6"])
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--variant", default="eager", choices=["eager", "foreach", "jit"])
    options = parser.parse_args()
    import torch
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    net, loss_of, data, settings = make(options.workload, torch)
    if options.variant == "foreach":
        settings["foreach"] = True
    optimizer = torch.optim.SGD(net.parameters(), **settings)
    if options.variant == "jit":
        net = torch.jit.script(net)
    stream = batches(torch, data, options.batch, options.workload == "w1")

    def run(steps):
        samples = 0
        for _ in range(steps):
            inputs, targets = next(stream)
            optimizer.zero_grad(set_to_none=True)
            loss_of(net(inputs), targets).backward()
            optimizer.step()
            samples += len(inputs)
        return samples

    def repeat():
        begin, steps, samples, elapsed = time.perf_counter(), 0, 0, 0.0
        while elapsed < options.seconds:
            group = max(1, min(steps, int(steps * (options.seconds / elapsed - 1)))) if steps else 1
            samples += run(group)
            steps += group
            elapsed = time.perf_counter() - begin
        return samples / elapsed, steps / elapsed

    run(1)
    first = process_age()
    repeat()
    rates = [repeat() for _ in range(REPETITIONS)]
    print(json.dumps({
        "batch": options.batch, "threads": options.threads, "variant": options.variant,
        "steps_per_s": round(statistics.median(rate[1] for rate in rates), 1),
        "samples_per_s": round(statistics.median(rate[0] for rate in rates), 1),
        "first_step_s": round(first, 3), "peak_mb": round(peak_mb(), 1),
        "version": torch.__version__}))


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"peer_torch.py: {error}")
