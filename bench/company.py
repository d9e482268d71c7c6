"""Rows of `make bench` about company on the CPUs: more threads than there are, and neighbours.

Every figure is a ratio of two measurements that ran next to each other: with that many threads to
one with a thread for each CPU, and beside a neighbour to one without.
"""
import os
import statistics
import subprocess
import sys

WORKLOAD, NAME, BATCH = "w1", "W1 b64", 64

SPIN = "while True:\n    pass"


class Neighbour:
    """A process that never rests, kept on one CPU: the last of those that this one may use."""

    def __enter__(self):
        self.cpu = max(os.sched_getaffinity(0))
        self.process = subprocess.Popen([sys.executable, "-c", SPIN])
        os.sched_setaffinity(self.process.pid, {self.cpu})
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def measure(bench, threads, seconds):
    return bench.lamina(WORKLOAD, BATCH, threads, seconds)


def emit(bench, what, turn, result, **more):
    bench.emit({"bench": what, "row": NAME, "round": turn, **more, **result})
    return result["samples_per_s"]


def threads_rows(bench, cpus):
    """Ratios by number of threads: 1, 2, 4, 8, against as many as there are CPUs."""
    ratios = {}
    for turn in range(bench.options.rounds):
        base = measure(bench, cpus, bench.options.seconds)
        if not base:
            return {}
        rate = emit(bench, "threads", turn, base)
        for count in (1, 2, 4, 8):
            result = count != cpus and measure(bench, count, bench.options.seconds)
            if result:
                ratio = emit(bench, "threads", turn, result) / rate
                ratios.setdefault(count, []).append(ratio)
    return ratios


def neighbour_rows(bench, cpus):
    """Ratios of the rate with a busy neighbour on one of the CPUs to the rate alone."""
    ratios = {}
    for turn in range(bench.options.rounds):
        for count in sorted({1, cpus, 2 * cpus}):
            alone = measure(bench, count, bench.options.seconds)
            with Neighbour() as neighbour:
                beside = measure(bench, count, bench.options.seconds)
            if not alone or not beside:
                return {}
            rate = emit(bench, "neighbour", turn, alone, busy=None)
            ratio = emit(bench, "neighbour", turn, beside, busy=neighbour.cpu) / rate
            ratios.setdefault(count, []).append(ratio)
    return ratios


def run(bench):
    cpus = len(os.sched_getaffinity(0))
    return {"cpus": cpus, "threads": threads_rows(bench, cpus),
            "neighbour": neighbour_rows(bench, cpus)}


def line(words, ratios):
    rounds = " ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"{words:44} {statistics.median(ratios):6.2f}   rounds: {rounds}")


def show(rows):
    cpus = rows["cpus"]
    print(f"\n{NAME}, share of the samples/s that {cpus} threads on {cpus} CPUs reach")
    for count, ratios in sorted(rows["threads"].items()):
        line(f"with {count} threads", ratios)
    print(f"{NAME}, share of the samples/s that remains beside a busy process on one CPU")
    for count, ratios in sorted(rows["neighbour"].items()):
        line(f"with {count} threads", ratios)
