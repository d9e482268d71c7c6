"""The time of one batch through a network by PyTorch or ONNX Runtime, as latency.c has it for
Lamina: one JSON object on standard output. Works with PyTorch 1.13 and 2.
"""
import argparse
import io
import json
import statistics
import sys
import time

import networks
import peer_torch

WARM, WARM_SECONDS = 200, 1.0


def torch_run(options):
    import torch
    torch.set_num_threads(options.threads)
    net = networks.Task(torch, options.workload).net.eval()
    sample = torch.rand(options.batch, *networks.SHAPES[options.workload])
    if options.variant != "eager":
        net = torch.jit.freeze(torch.jit.script(net))
    if options.variant == "optimized":
        net = torch.jit.optimize_for_inference(net)
    mode = torch.inference_mode()
    mode.__enter__()
    return (lambda: net(sample)), torch.__version__


def onnx_run(options):
    import onnxruntime
    import torch
    net = networks.Task(torch, options.workload).net.eval()
    sample = torch.rand(options.batch, *networks.SHAPES[options.workload])
    file = io.BytesIO()
    torch.onnx.export(net, (sample,), file, input_names=["input"])
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(file.getvalue(), settings,
                                           providers=["CPUExecutionProvider"])
    feed = {"input": sample.numpy()}
    return (lambda: session.run(None, feed)), onnxruntime.__version__


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=sorted(networks.SHAPES))
    parser.add_argument("--variant", choices=["eager", "jit", "optimized", "onnx"], required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    run, version = (onnx_run if options.variant == "onnx" else torch_run)(options)
    warm = time.perf_counter() + WARM_SECONDS
    for _ in range(WARM):
        run()
        if time.perf_counter() > warm:
            break
    times, end = [], time.perf_counter() + options.seconds
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        times.append(1e6 * (time.perf_counter() - began))
    print(json.dumps({
        "batch": options.batch, "threads": options.threads, "variant": options.variant,
        "runs": len(times), "median_us": round(statistics.median(times), 3),
        "fastest_us": round(min(times), 3), "peak_mb": round(peer_torch.peak_mb(), 1),
        "version": version}))


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"peer_infer.py: {error}")
