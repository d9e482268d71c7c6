"""Rows of `make bench` about single samples: W8, the time from a sample to its result.

Lamina is measured as other programs use it, through lamina/lamina.h (latency.c); PyTorch eagerly
and as frozen script, and ONNX Runtime where it is there. All of them in turn, round by round.
"""
import os
import statistics
import subprocess

# name, workload
ROWS = [("W8 W1 b1", "w1")]


def peers(bench, python):
    """Variants of peer_infer.py that can run here."""
    if python is None or bench.options.no_peer:
        return []
    has_onnx = subprocess.run([python, "-c", "import onnxruntime"], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0
    return ["eager", "jit"] + (["onnx"] if has_onnx else [])


def train(bench, here, workload, folder):
    """A model of a few steps: how fast it is does not depend on what it has learnt."""
    run = os.path.join(folder, workload + "-run")
    subprocess.run([bench.program("lamina"), "train", os.path.join(here, workload + ".yaml"),
                    "--set", "train.steps=2", "--run-dir", run, "--quiet"],
                   env=bench.environment, stdout=subprocess.DEVNULL, check=True)
    return os.path.join(run, "model.safetensors")


def measure(bench, command, name, peer, turn):
    threads = {"OMP_NUM_THREADS": str(command[1])}
    found = bench.run(command[0], threads)
    if found:
        bench.emit({"bench": "latency", "row": name, "peer": peer, "round": turn, **found[0]})
    return found[0] if found else None


def run(bench, here, python, folder):
    """Results by row, number of threads and peer: one for each round."""
    rows = {}
    if not os.path.exists(bench.program("bench/latency")):
        return rows  # a build without shared objects has no library
    variants = peers(bench, python)
    for name, workload in ROWS:
        model = train(bench, here, workload, folder)
        for turn in range(bench.options.rounds):
            for threads in sorted({1, min(2, os.cpu_count() or 1)}):
                seconds = str(bench.options.seconds / 2)
                commands = {"lamina": [bench.program("bench/latency"), model, str(threads),
                                       seconds]}
                for variant in variants:
                    commands[variant] = [python, os.path.join(here, "peer_infer.py"), workload,
                                         "--variant", variant, "--threads", str(threads),
                                         "--seconds", seconds]
                for peer, command in commands.items():
                    result = measure(bench, (command, threads), name, peer, turn)
                    if result:
                        rows.setdefault((name, threads), {}).setdefault(peer, []).append(result)
    return rows


def show(rows):
    names = {"lamina": "lamina", "eager": "torch, eager", "jit": "torch, frozen script",
             "onnx": "ONNX Runtime"}
    print(f"\n{'':10} {'threads':>7} {'':22} {'median us':>10} {'best us':>9} {'/ lamina':>9}")
    for (name, threads), peers_of_row in rows.items():
        ours = peers_of_row.get("lamina")
        for peer, results in peers_of_row.items():
            middle = statistics.median(result["median_us"] for result in results)
            best = min(result["fastest_us"] for result in results)
            ratio = ""
            if peer != "lamina" and ours:
                ratio = statistics.median(theirs["median_us"] / own["median_us"]
                                          for theirs, own in zip(results, ours))
                ratio = f"{ratio:9.2f}"
            print(f"{name:10} {threads:7} {names[peer]:22} {middle:10.1f} {best:9.1f} {ratio}")
