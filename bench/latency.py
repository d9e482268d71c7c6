"""Rows of `make bench` about single samples: W8, the time from a sample to its result.

Lamina is measured as other programs use it, through lamina/lamina.h (latency.c); PyTorch eagerly,
as frozen script, and as script that it optimizes for inference; and ONNX Runtime where it is there
or can be installed, in a virtual environment below the build. All in turn, round by round.
"""
import os
import statistics
import subprocess

import workloads

# name, workload
ROWS = [("W8 W1 b1", "w1"), ("W8 W2 b1", "w2"), ("W8 W3 b1", "w3")]

VARIANTS = ("eager", "jit", "optimized")


def can_import(python, module):
    return subprocess.run([python, "-c", "import " + module], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def find_onnx(bench, python, say):
    """A Python that has PyTorch, which exports the model, and ONNX Runtime; None without."""
    folder = os.path.join(bench.options.build, "peers")
    own = os.path.join(folder, "bin", "python")
    for candidate in (python, own):
        if os.path.exists(candidate) and can_import(candidate, "onnxruntime, torch"):
            return candidate
    if bench.options.no_install:
        say("bench: without ONNX Runtime: no python3 here can import it")
        return None
    say(f"bench: ONNX Runtime is installed into {folder}")
    steps = ([python, "-m", "venv", "--system-site-packages", folder],
             [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
              "--timeout", "10", "--retries", "1", "onnxruntime"])
    for step in steps:
        try:
            done = subprocess.run(step, text=True, stdout=subprocess.PIPE, check=False,
                                  stderr=subprocess.STDOUT, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            say(f"bench: without ONNX Runtime: {error}")
            return None
        if done.returncode != 0:
            words = done.stdout.strip().splitlines()
            say(f"bench: without ONNX Runtime, which cannot be installed here: "
                f"{words[-1] if words else done.returncode}")
            return None
    return own if can_import(own, "onnxruntime, torch") else None


def train(bench, workload, folder):
    """A model of a step: how fast it is does not depend on what it has learnt."""
    run = os.path.join(folder, workload + "-run")
    subprocess.run([bench.program("lamina"), "train", workloads.EXPERIMENTS[workload],
                    "--set", "train.steps=1", "--set", "data.test=null", "--run-dir", run,
                    "--quiet"], env=bench.environment, stdout=subprocess.DEVNULL, check=True)
    return os.path.join(run, "model.safetensors")


def measure(bench, command, row):
    threads = str(row["threads"])
    extra = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
             "BLIS_NUM_THREADS": threads}
    libraries = row["peer"] in VARIANTS and bench.blas()[-1]
    if libraries:
        extra["LD_LIBRARY_PATH"] = libraries
    found = bench.run(command, extra)
    if found:
        bench.emit({"bench": "latency", **row, **found[0]})
    return found[0] if found else None


def run(bench, here, pythons, folder):
    """Results by row, number of threads and peer: one for each round. pythons: by peer."""
    rows = {}
    if not os.path.exists(bench.program("bench/latency")):
        return rows  # a build without shared objects has no library
    counts = [1] if bench.options.quick else sorted({1, min(2, os.cpu_count() or 1)})
    seconds = str(bench.options.seconds / 2)
    for name, workload in ROWS:
        model = train(bench, workload, folder)
        for turn in range(bench.options.rounds):
            for threads in counts:
                commands = {"lamina": [bench.program("bench/latency"), model, str(threads),
                                       seconds]}
                for variant, python in pythons.items():
                    commands[variant] = [python, os.path.join(here, "peer_infer.py"), workload,
                                         "--variant", variant, "--threads", str(threads),
                                         "--seconds", seconds]
                for peer, command in commands.items():
                    result = measure(bench, command, {"row": name, "peer": peer, "round": turn,
                                                      "threads": threads})
                    if result:
                        rows.setdefault((name, threads), {}).setdefault(peer, []).append(result)
    return rows


def roofline(bench, rows, ceilings, roofline_of):
    """What the last cache, where the weights stay, and the units allow one sample."""
    for name, workload in ROWS:
        for threads, ceiling in ceilings.items():
            ours = rows.get((name, threads), {}).get("lamina")
            if ours:
                work = workloads.inference_work(workload, 1)
                middle = statistics.median(result["median_us"] for result in ours)
                bench.emit(roofline_of(name, work, 1e-3 * work[0] / middle, ceiling, cached=True))


def show(rows):
    names = {"lamina": "lamina", "eager": "torch, eager", "jit": "torch, frozen script",
             "optimized": "torch, for inference", "onnx": "ONNX Runtime"}
    print(f"\n{'':10} {'threads':>7} {'':22} {'median us':>10} {'best us':>9} {'/ lamina':>9} "
          f"{'MB':>7}")
    for (name, threads), peers_of_row in rows.items():
        ours = peers_of_row.get("lamina")
        for peer, results in peers_of_row.items():
            middle = statistics.median(result["median_us"] for result in results)
            best = min(result["fastest_us"] for result in results)
            memory = statistics.median(result["peak_mb"] for result in results)
            ratio = ""
            if peer != "lamina" and ours:
                ratio = statistics.median(theirs["median_us"] / own["median_us"]
                                          for theirs, own in zip(results, ours))
                ratio = f"{ratio:.2f}"
            print(f"{name:10} {threads:7} {names[peer]:22} {middle:10.1f} {best:9.1f} "
                  f"{ratio:>9} {memory:7.1f}")
