"""The same training as `lamina bench`, by PyTorch: one JSON object on standard output.

Everything that can be done before the loop is done before it: data lies in memory as float
tensors, batches are taken from tensors, gradients are set to None. Works with PyTorch 1.13 and 2.
"""
import argparse
import json
import os
import statistics
import sys
import time

import networks

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


VARIANTS = ["eager", "foreach", "jit", "channels_last", "channels_last_jit"]


def prepare(torch, options):
    """The network, its loss, its optimizer and endless batches, in the form of the variant."""
    task = networks.Task(torch, options.workload)
    inputs, targets = task.data()
    net = task.net
    if options.variant.startswith("channels_last"):
        net = net.to(memory_format=torch.channels_last)
        inputs = inputs.permute(0, 2, 3, 1).contiguous()
    optimizer = task.optimizer(foreach=options.variant != "eager")
    if options.variant.endswith("jit"):
        if options.workload == "w4":
            net = torch.jit.trace(net, inputs[:options.batch], check_trace=False)
        else:
            net = torch.jit.script(net)
    stream = batches(torch, (inputs, targets), options.batch, options.workload != "w6")
    if options.variant.startswith("channels_last"):
        stream = ((images.permute(0, 3, 1, 2), labels) for images, labels in stream)
    return net, task.loss, optimizer, stream


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=["w1", "w2", "w3", "w4", "w5", "w6"])
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--variant", default="eager", choices=VARIANTS)
    options = parser.parse_args()
    import torch
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    net, loss_of, optimizer, stream = prepare(torch, options)

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
