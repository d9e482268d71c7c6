"""What `make bench` runs: Lamina and PyTorch in turn, products, and the machine's ceilings.

One JSON object for each result on standard output, as it is measured, then a table. What is not
there (PyTorch, OpenBLAS, BLIS) is left out with a message.
"""
import argparse
import functools
import glob
import gzip
import json
import math
import os
import statistics
import struct
import subprocess
import sys
import tempfile

import company
import convolutions
import latency
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))

# Forms of the peer's program that are tried: W1, W4 and W6 are dense, the others images.
DENSE, IMAGES = ("eager", "foreach", "jit"), ("foreach", "channels_last", "channels_last_jit")


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options):
        self.options = options
        self.environment = dict(os.environ)
        self.environment["LAMINA_PLUGIN_PATH"] = os.path.join(options.build, "plugins/.libs")
        self.results = []

    def emit(self, result):
        self.results.append(result)
        print(json.dumps(result), flush=True)

    def run(self, command, extra=None):
        """The JSON objects that a program prints; none when it fails, with its last words."""
        done = subprocess.run(command, env={**self.environment, **(extra or {})}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            words = done.stderr.strip().splitlines()
            say(f"bench: {command[0]} failed: {words[-1] if words else done.returncode}")
            return []
        return [json.loads(line) for line in done.stdout.splitlines()]

    def program(self, name):
        return os.path.join(self.options.build, name)

    # ---- trainings ----

    def lamina(self, workload, batch, threads, seconds):
        found = self.run([self.program("lamina"), "bench",
                          workloads.EXPERIMENTS[workload], "--json", "--set",
                          f"train.batch={batch}", "--threads", str(threads), "--seconds",
                          str(seconds)])
        return found[0] if found else None

    def torch(self, setting, workload, batch, seconds):
        python, libraries, threads, variant = setting
        extra = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
                 "BLIS_NUM_THREADS": str(threads)}
        if libraries:
            extra["LD_LIBRARY_PATH"] = libraries
        found = self.run([python, os.path.join(HERE, "peer_torch.py"), workload, "--batch",
                          str(batch), "--threads", str(threads), "--variant", variant,
                          "--seconds", str(seconds)], extra)
        if found:
            found[0]["blas"] = os.path.basename(libraries) or "default"
        return found[0] if found else None

    @staticmethod
    def blas():
        """Folders of libraries to try for PyTorch, its own first: "". The BLAS that shares its pool
        of threads is the fair one."""
        return [""] + [os.path.dirname(path) for name in ("blis-openmp", "openblas-openmp")
                       for path in glob.glob(f"/usr/lib/*/{name}/libblas.so.3")]

    def torch_settings(self, workload):
        """All that are worth a trial; a quick round leaves out what rarely wins."""
        if self.options.no_peer:
            return []
        python = find_torch()
        if python is None:
            say("bench: without PyTorch: no python3 here can import it")
            return []
        blas, threads, variants = self.blas(), cpu_counts(), DENSE
        if workload in ("w2", "w3", "w5"):
            blas, variants = blas[1:2] or blas, IMAGES  # nearly all of it is oneDNN's work
            if self.options.quick:
                threads, variants = threads[-1:], ("channels_last",)
        return [(python, libraries, count, variant) for libraries in blas for count in threads
                for variant in variants]

    def best(self, settings, measure):
        """The fastest of the settings in a short trial."""
        trials = [(result["samples_per_s"], setting)
                  for setting in settings for result in [measure(setting)] if result]
        return max(trials, key=lambda trial: trial[0])[1] if trials else None

    def row(self, name, workload, batch, settings):
        options = self.options
        threads = self.best(cpu_counts(),
                            lambda n: self.lamina(workload, batch, n, options.trial))
        setting = settings[0] if len(settings) == 1 else \
            self.best(settings, lambda s: self.torch(s, workload, batch, options.trial))
        pairs = []
        for turn in range(options.rounds if threads else 0):
            ours = self.lamina(workload, batch, threads, options.seconds)
            theirs = setting and self.torch(setting, workload, batch, options.seconds)
            for peer, result in (("lamina", ours), ("torch", theirs)):
                if result:
                    self.emit({"bench": "train", "row": name, "peer": peer, "round": turn,
                               **result})
            if ours:
                pairs.append((ours, theirs))
        return pairs

    def trainings(self):
        rows = {}
        for name, workload, batch in workloads.ROWS:
            left_out = self.options.rows and not any(name.startswith(row)
                                                     for row in self.options.rows.split(","))
            if left_out or not workloads.exists(workload):
                continue
            rows[name] = self.row(name, workload, batch, self.torch_settings(workload))
        return rows

    def roofline(self, trainings, ceilings):
        """How much of what memory and units allow each row reaches."""
        for name, workload, batch in workloads.ROWS:
            ours = [pair[0] for pair in trainings.get(name, ())]
            ceiling = ours and ceilings.get(ours[0]["threads"])
            if not ceiling or workloads.is_overhead(workload):
                continue
            work = workloads.training_work(workload, batch)
            reached = 1e-9 * work[0] * statistics.median(row["steps_per_s"] for row in ours)
            self.emit(roofline_of(name, work, reached, ceiling))

    # ---- products and ceilings ----

    def gemm_environment(self):
        """An old library takes slow kernels on a new CPU: let it have the best that run."""
        chosen = {}
        variants = {"gemm_openblas": ("OPENBLAS_CORETYPE", ["SKYLAKEX", "ZEN", "HASWELL"]),
                    "gemm_blis": ("BLIS_ARCH_TYPE", ["0", "3", "6"])}
        for service, (variable, values) in variants.items():
            if not self.options.cpu_avx512:
                values = [value for value in values if value not in ("SKYLAKEX", "0")]
            rates = {}
            for value in [None] + values:
                extra = {variable: value} if value else {}
                found = self.run([self.program("bench/gemm"), "--rounds", "1", service], extra)
                if found:
                    rates[value] = statistics.geometric_mean(row["fastest"] for row in found)
            best = max(rates, key=rates.get) if rates else None
            if best:
                chosen[variable] = best
        return chosen

    def products(self):
        rows = self.run([self.program("bench/gemm"), "--rounds", str(self.options.gemm_rounds),
                         "gemm", "gemm_openblas", "gemm_blis", "gemm_onednn"],
                        self.gemm_environment())
        for row in rows:
            self.emit(row)
        return rows

    def ceilings(self):
        rows = self.run([self.program("bench/ceiling"), *map(str, cpu_counts())])
        for row in rows:
            self.emit(row)
        return {row["threads"]: row for row in rows}


def cpu_counts():
    return sorted({1, os.cpu_count() or 1})


def roofline_of(name, work, reached, ceiling, cached=False):
    flops, size = work
    roof = workloads.roof(flops, size, ceiling, cached)
    bound = "units" if roof >= ceiling["gflops"] else "cache" if cached else "memory"
    return {"bench": "roofline", "row": name, "threads": ceiling["threads"], "flops": flops,
            "bytes": size, "flops_per_byte": round(flops / size, 2), "gflops": round(reached, 1),
            "roof_gflops": round(roof, 1), "bound_by": bound,
            "of_roof": round(reached / roof, 3)}


@functools.lru_cache
def find_torch():
    for python in (os.environ.get("PYTHON"), "/usr/bin/python3", sys.executable):
        if python and subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL,
                                     check=False).returncode == 0:
            return python
    return None


def pythons(bench):
    """By peer of the latency rows: the Python that runs it."""
    python = None if bench.options.no_peer or bench.options.no_latency else find_torch()
    if python is None:
        return {}
    onnx = latency.find_onnx(bench, python, say)
    return {**{variant: python for variant in latency.VARIANTS}, **({"onnx": onnx} if onnx else {})}


def has_avx512():
    try:
        with open("/proc/cpuinfo") as file:
            return " avx512f " in file.read()
    except OSError:
        return False


def write_compressed(path, *pieces):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with gzip.open(path, "wb", 1) as file:
        for piece in pieces:
            file.write(piece)


def write_images(folder):
    """Random images in the form of the files: speed does not depend on what they show."""
    say("bench: LAMINA_DATA is not set: random images of the same shape take its place")
    digits = os.path.join(folder, "mnist")
    for part, count in (("train", 60000), ("t10k", 10000)):
        write_compressed(os.path.join(digits, part + "-images-idx3-ubyte.gz"),
                         struct.pack(">IIII", 0x803, count, 28, 28), os.urandom(count * 784))
        write_compressed(os.path.join(digits, part + "-labels-idx1-ubyte.gz"),
                         struct.pack(">II", 0x801, count), bytes(i % 10 for i in range(count)))
    for part in ("data_batch_1", "test_batch"):
        write_compressed(os.path.join(folder, "cifar-10-batches-bin", part + ".bin.gz"),
                         *(bytes([i % 10]) + os.urandom(3072) for i in range(10000)))


def print_trainings(trainings, ceilings):
    print(f"\n{'':8} {'':7} {'samples/s':>11} {'steps/s':>10} {'ratio':>7} {'% peak':>7} "
          f"{'first s':>8} {'MB':>7}  setting")
    for name, workload, batch in workloads.ROWS:
        pairs = trainings.get(name, ())
        flops = 0 if workloads.is_overhead(workload) else \
            workloads.training_work(workload, batch)[0] / batch
        ratios = [ours["samples_per_s"] / theirs["samples_per_s"] for ours, theirs in pairs
                  if theirs]
        for peer, side in (("lamina", 0), ("torch", 1)):
            results = [pair[side] for pair in pairs if pair[side]]
            if not results:
                continue
            middle = {key: statistics.median(result[key] for result in results) for key in
                      ("samples_per_s", "steps_per_s", "first_step_s", "peak_mb")}
            ceiling = ceilings.get(results[0]["threads"])
            share = f"{flops * middle['samples_per_s'] / ceiling['gflops'] * 1e-7:7.1f}" \
                if flops and ceiling else " " * 7
            ratio = f"{statistics.median(ratios):7.2f}" if ratios and side == 0 else " " * 7
            setting = f"{results[0]['threads']} threads, " + \
                (results[0]["isa"] if side == 0 else
                 f"{results[0]['variant']}, {results[0]['blas']} BLAS")
            print(f"{name:8} {peer:7} {middle['samples_per_s']:11.0f} "
                  f"{middle['steps_per_s']:10.0f} {ratio} {share} "
                  f"{middle['first_step_s']:8.3f} {middle['peak_mb']:7.1f}  {setting}")
        memories = [[pair[side]["peak_mb"] for pair in pairs if pair[side]] for side in (0, 1)]
        if all(memories):
            print(f"{'':8} memory of theirs / ours: "
                  f"{statistics.median(memories[1]) / statistics.median(memories[0]):.1f}")
        if len(ratios) > 1:
            print(f"{'':8} ratio of each round: " + " ".join(f"{ratio:.2f}" for ratio in ratios))


def print_roofline(rows):
    print(f"\n{'roofline':10} {'threads':>7} {'flop/byte':>10} {'GFLOP/s':>9} {'roof':>8} "
          f"{'% of it':>8}  bound by")
    for row in rows:
        print(f"{row['row']:10} {row['threads']:7} {row['flops_per_byte']:10.1f} "
              f"{row['gflops']:9.1f} {row['roof_gflops']:8.1f} {100 * row['of_roof']:8.1f}  "
              f"{row['bound_by']}")


def print_products(rows, ceilings):
    services = list(dict.fromkeys(row["service"] for row in rows))
    shapes = list(dict.fromkeys((row["what"], row["m"], row["n"], row["k"]) for row in rows))
    rates = {(row["what"], row["m"], row["n"], row["k"], row["service"]): row["fastest"]
             for row in rows}
    print(f"\n{'GFLOP/s, 1 thread':26}" + "".join(f"{name:>15}" for name in services) +
          f"{'/ best other':>14} {'% peak':>7}")
    for shape in shapes:
        what, m, n, k = shape
        values = [rates[(*shape, service)] for service in services]
        ratio = f"{values[0] / max(values[1:]):14.2f}" if len(values) > 1 else " " * 14
        share = f"{100 * values[0] / ceilings[1]['gflops']:7.1f}" if 1 in ceilings else ""
        print(f"{what:8} {m:4} x {n:3} x {k:3}   " + "".join(f"{rate:15.1f}" for rate in values) +
              f"{ratio} {share}")
    for other in services[1:]:
        logs = [math.log(rates[(*shape, services[0])] / rates[(*shape, other)])
                for shape in shapes]
        print(f"geometric mean of {services[0]} / {other}: {math.exp(statistics.mean(logs)):.2f}")


def parse():
    parser = argparse.ArgumentParser(prog="make bench BENCHFLAGS=...")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="short, and rough")
    parser.add_argument("--rounds", type=int, default=5, help="turns of both sides")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a repetition")
    parser.add_argument("--no-peer", action="store_true", help="leave PyTorch out")
    parser.add_argument("--no-install", action="store_true",
                        help="do not install ONNX Runtime below the build when it is missing")
    parser.add_argument("--rows", help="only these trainings: W1,W5")
    parser.add_argument("--no-gemm", action="store_true", help="leave single products out")
    parser.add_argument("--no-conv", action="store_true", help="leave single convolutions out")
    parser.add_argument("--no-train", action="store_true", help="leave whole trainings out")
    parser.add_argument("--no-latency", action="store_true", help="leave single samples out")
    parser.add_argument("--no-company", action="store_true",
                        help="leave out more threads than CPUs, and busy neighbours")
    options = parser.parse_args()
    options.trial, options.gemm_rounds, options.conv_rounds = 0.5, 21, 9
    if options.quick:
        options.rounds, options.seconds, options.trial = 1, 0.5, 0.1
        options.gemm_rounds, options.conv_rounds = 5, 2
    options.cpu_avx512 = has_avx512()
    return options


def main():
    bench = Bench(parse())
    with tempfile.TemporaryDirectory() as folder:
        if not bench.environment.get("LAMINA_DATA"):
            write_images(folder)
            bench.environment["LAMINA_DATA"] = folder
        ceilings = bench.ceilings()
        products = [] if bench.options.no_gemm else bench.products()
        windows = [] if bench.options.no_conv else convolutions.run(bench, cpu_counts())
        trainings = {} if bench.options.no_train else bench.trainings()
        bench.roofline(trainings, ceilings)
        waits = {} if bench.options.no_latency else latency.run(bench, HERE, pythons(bench),
                                                                folder)
        latency.roofline(bench, waits, ceilings, roofline_of)
        crowd = None if bench.options.no_company else company.run(bench)
    for threads, row in ceilings.items():
        print(f"\nceiling with {threads} threads: {row['gflops']} GFLOP/s ({row['isa']}), "
              f"{row['gbytes_per_s']} GB/s, {row['cached_gbytes_per_s']} GB/s from the last cache",
              end="")
    print()
    if trainings:
        print_trainings(trainings, ceilings)
    roofs = [row for row in bench.results if row["bench"] == "roofline"]
    if roofs:
        print_roofline(roofs)
    if waits:
        latency.show(waits)
    if crowd:
        company.show(crowd)
    if products:
        print_products(products, ceilings)
    if windows:
        convolutions.show(windows, ceilings)


if __name__ == "__main__":
    main()
