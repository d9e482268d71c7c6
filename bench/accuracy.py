"""Does it learn as much as it should: W3 and W5, or others, by Lamina and by PyTorch.

    python3 bench/accuracy.py --build build [--epochs 2] [--seeds 1,2,3] [--rows w3,w5]

The same network, rate, momentum, penalty, schedule, batches and data on both sides; no
augmentation, as in the experiments. Initial weights follow the same rule (He et al., normal; biases
0) or, with --init default, PyTorch's own on its side. One JSON object for each training, then mean
and spread. It needs LAMINA_DATA, and minutes of all CPUs for each training.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

import networks
import workloads

BATCHES = {"w1": 64, "w2": 64, "w3": 64, "w4": 128, "w5": 128}


# ---- PyTorch ----

def initialize(torch, net):
    for module in net.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)


def judge(torch, task, data):
    """Loss, and accuracy where there are classes; of W4 the loss is the negative ELBO."""
    task.net.eval()
    inputs, targets = data
    right, loss = 0, 0.0
    with torch.inference_mode():
        for part, truth in zip(inputs.split(500), targets.split(500)):
            out = task.net(part)
            loss += task.loss(out, truth).item() * len(part)
            if task.workload != "w4":
                right += (out.argmax(1) == truth).sum().item()
    found = {"loss": loss / len(targets)}
    return found if task.workload == "w4" else {"accuracy": right / len(targets), **found}


def peer(options):
    import torch
    torch.set_num_threads(options.threads)
    workload, batch = options.peer, BATCHES[options.peer]
    torch.manual_seed(int(options.seeds))
    task = networks.Task(torch, workload)
    if options.init == "he":
        initialize(torch, task.net)
    inputs, targets = task.data()
    steps = options.epochs * math.ceil(len(targets) / batch)
    optimizer, done = task.optimizer(foreach=True), 0
    for _ in range(options.epochs):
        for part in torch.randperm(len(targets)).split(batch):
            factor = (1 + math.cos(math.pi * done / steps)) / 2 if workload == "w5" else 1
            for group in optimizer.param_groups:
                group["lr"] = factor * task.rate
            optimizer.zero_grad(set_to_none=True)
            task.loss(task.net(inputs[part]), targets[part]).backward()
            optimizer.step()
            done += 1
    return judge(torch, task, task.data(test=True))


# ---- both ----

def lamina(options, workload, seed):
    environment = dict(os.environ)
    environment["LAMINA_PLUGIN_PATH"] = os.path.join(options.build, "plugins/.libs")
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        subprocess.run([os.path.join(options.build, "lamina"), "train",
                        workloads.EXPERIMENTS[workload], "--quiet", "--run-dir", run,
                        "--threads", str(options.threads), "--set",
                        f"train.epochs={options.epochs}", "--set", f"train.seed={seed}"],
                       env=environment, stdout=subprocess.DEVNULL, check=True)
        with open(os.path.join(run, "metrics.jsonl")) as file:
            last = [json.loads(line) for line in file][-1]
    return {key: last["eval"][key] for key in ("accuracy", "loss") if key in last["eval"]}


def torch(options, workload, seed):
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run([options.python, os.path.abspath(__file__), "--peer", workload,
                           "--seeds", str(seed), "--epochs", str(options.epochs), "--init",
                           options.init, "--threads", str(options.threads)],
                          env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def show(results):
    for (workload, side), rows in results.items():
        for key in ("accuracy", "loss"):
            values = [row[key] for row in rows if key in row]
            if not values:
                continue
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            print(f"{workload} {side:7} {key:9} mean {statistics.mean(values):.4f}  "
                  f"deviation {spread:.4f}  from {min(values):.4f} to {max(values):.4f}")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--rows", default="w3,w5", help="of " + ", ".join(sorted(BATCHES)))
    parser.add_argument("--init", choices=["he", "default"], default="he")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1,
                        help="of each side; Lamina learns the same with any number")
    parser.add_argument("--python", default="/usr/bin/python3", help="one that has PyTorch")
    parser.add_argument("--no-peer", action="store_true", help="Lamina alone")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parse()
    if options.peer:
        print(json.dumps(peer(options)))
        return
    if not os.environ.get("LAMINA_DATA"):
        sys.exit("accuracy.py: LAMINA_DATA is not set: a folder with mnist/ and "
                 "cifar-10-batches-bin/")
    results = {}
    for workload in options.rows.split(","):
        for seed in options.seeds.split(","):
            for side, train in (("lamina", lamina), ("torch", torch)):
                if side == "torch" and options.no_peer:
                    continue
                began = time.time()
                row = train(options, workload, seed)
                results.setdefault((workload, side), []).append(row)
                print(json.dumps({"bench": "accuracy", "row": workload, "peer": side,
                                  "seed": int(seed), "epochs": options.epochs, **row,
                                  "seconds": round(time.time() - began, 1)}), flush=True)
    show(results)


if __name__ == "__main__":
    main()
