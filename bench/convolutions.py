"""Rows of `make bench` about single convolutions: Lamina's kernels and oneDNN's, in turn."""
import statistics

import workloads

PASSES = ("forward", "input", "weight")


def run(bench, counts):
    rows = []
    for threads in counts:
        rows += bench.run([bench.program("bench/conv"), "--threads", str(threads), "--rounds",
                           str(bench.options.conv_rounds)], {"OMP_NUM_THREADS": str(threads)})
    for row in rows:
        bench.emit(row)
    return rows


def name_of(row):
    stride = f" / {row['stride']}" if row["stride"] > 1 else ""
    return (f"{row['what']:9} {row['images']:3} x {row['size']:2}^2 x {row['c']:4} -> "
            f"{row['k']:4}, {row['kernel']}^2{stride}")


def show(rows, ceilings):
    for threads in sorted({row["threads"] for row in rows}):
        table = {}
        for row in rows:
            if row["threads"] == threads:
                table.setdefault(name_of(row), {})[row["pass"], row["by"]] = row
        show_table(table, threads, ceilings.get(threads))


def show_table(table, threads, ceiling):
    """GFLOP/s of each pass, ratio to oneDNN's, and share of the roof of that shape."""
    plural = "s" if threads > 1 else ""
    print(f"\n{f'GFLOP/s, {threads} thread{plural}':46}" +
          "".join(f"{part:>8} {'/oneDNN':>8} {'%roof':>6}" for part in PASSES))
    ratios = {part: [] for part in PASSES}
    for name, row in table.items():
        cells = ""
        for part in PASSES:
            ours, theirs = row[part, "lamina"], row.get((part, "oneDNN"))
            share = ""
            if ceiling:
                roof = workloads.roof(ours["flops"], ours["bytes"], ceiling)
                share = f"{100 * ours['gflops'] / roof:.0f}"
            ratio = ""
            if theirs:
                ratios[part].append(theirs["us"] / ours["us"])
                ratio = f"{ratios[part][-1]:.2f}"
            cells += f"{ours['gflops']:8.1f} {ratio:>8} {share:>6}"
        print(f"{name:46}{cells}")
    if all(ratios.values()):
        means = (f"{statistics.geometric_mean(ratios[part]):.2f}" for part in PASSES)
        print(f"{'geometric mean':46}" + "".join(f"{'':8} {mean:>8} {'':6}" for mean in means))
