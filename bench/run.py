#!/usr/bin/env python3
"""Runs benchmarks in turn with their peers and writes out/bench/NAME.json. usage: bench/run.py [NAME...]

Ours and the peers take turns, three rounds each, and the best round of each counts: the machine's drift hits all alike.
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
OUT = ROOT / "out/bench"
PEERS = ROOT / "bench/peers"
ROUNDS = 3


def run_json(command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, cwd=PEERS).stdout.splitlines()[-1])


def run_timed(command, **names):
    began = time.perf_counter()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=PEERS)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return {"seconds": time.perf_counter() - began, "peak_memory_bytes": usage.ru_maxrss * 1024, **names}


def python(script, *arguments):
    return [sys.executable, PEERS / script, *arguments]


def encode_vit_b16():
    weights = OUT / "vit_b16.safetensors"
    if not weights.exists():
        subprocess.run([str(c) for c in python("vit.py", "--write", weights)], check=True, cwd=PEERS)
    return (lambda: run_json([BIN / "bench_encode_vit_b16", weights, "bf16"]),
            [lambda: run_json(python("vit.py", "--dtype", "bf16")), lambda: run_json(python("vit.py", "--dtype", "f32"))])


def train_meru_vit_s():
    return (lambda: run_json([BIN / "bench_train_meru_vit_s", "bf16"]), [lambda: run_json(python("train_meru.py", "--dtype", "bf16"))])


def search_1m():
    return lambda: run_json([BIN / "bench_search_1m"]), [lambda: run_json(python("faiss_flat.py"))]


def attention():
    # Its peer, LibTorch's own operator, runs in the same process.
    return lambda: run_json([BIN / "bench_attention"]), []


def cold_start_clip():
    folder, picture = OUT / "clip_b32", ROOT / "tests/fixtures/images/rgb.png"
    if not (folder / "config.json").exists():
        subprocess.run([str(c) for c in python("cold_start.py", folder, "--write")], check=True, cwd=PEERS)
    ours = [BIN / "cambium", "embed", picture, "--weights", folder, "-o", OUT / "one.npy", "--quiet"]
    return (lambda: run_timed(ours, dtype="bf16"),
            [lambda: run_timed(python("cold_start.py", folder, picture), name="transformers", version=__import__("transformers").__version__, dtype="f32")])


def sam_weights():
    weights = OUT / "sam_vit_b"
    if not (weights / "config.json").exists():
        subprocess.run([str(c) for c in python("sam.py", weights, "--write")], check=True, cwd=PEERS)
    return weights


def sam(part):
    weights = sam_weights()
    binary = BIN / {"encode": "bench_sam_encode_b_1024", "decode": "bench_sam_decode_64"}[part]
    return (lambda: run_json([binary, weights, "bf16"]),
            [lambda: run_json(python("sam.py", weights, "--part", part, "--dtype", "bf16")), lambda: run_json(python("sam.py", weights, "--part", part, "--dtype", "f32"))])


def sam_encode_b_1024():
    return sam("encode")


def sam_decode_64():
    return sam("decode")


def metrics():
    folder = OUT / "metrics"
    if not folder.exists():
        subprocess.run([str(c) for c in python("sod_metrics.py", folder, "--write")], check=True, cwd=PEERS)
    return lambda: run_json([BIN / "bench_metrics", folder]), [lambda: run_json(python("sod_metrics.py", folder))]


def adapter_step_b_1024():
    weights = sam_weights()
    return (lambda: run_json([BIN / "bench_adapter_step_b_1024", weights, "bf16"]),
            [lambda: run_json(python("sam_adapter_step.py", weights, "--dtype", "f32")), lambda: run_json(python("sam_adapter_step.py", weights, "--dtype", "bf16"))])


def sam_everything():
    weights = sam_weights()
    return (lambda: run_json([BIN / "bench_sam_everything", weights, "bf16"]),
            [lambda: run_json(python("sam_everything.py", weights, "--dtype", "bf16")), lambda: run_json(python("sam_everything.py", weights, "--dtype", "f32"))])


def sd15_step_512():
    weights = OUT / "sd15_unet"
    if not (weights / "config.json").exists():
        subprocess.run([str(c) for c in python("sd_unet.py", weights, "--write")], check=True, cwd=PEERS)
    return (lambda: run_json([BIN / "bench_sd15_step_512", weights, "bf16"]),
            [lambda options=options: run_json(python("sd_unet.py", weights, *options))
             for options in (("--dtype", "bf16"), ("--dtype", "bf16", "--channels-last"), ("--dtype", "f32"), ("--dtype", "f32", "--channels-last"))])


def vldm_step():
    # No one else has temporal layers over Stable Diffusion 1.5: the machine's own rate is what it is held against.
    return lambda: run_json([BIN / "bench_vldm_step", "bf16"]), []


BENCHES = {f.__name__: f for f in (attention, encode_vit_b16, train_meru_vit_s, cold_start_clip, search_1m, sam_encode_b_1024, sam_decode_64, metrics,
                                adapter_step_b_1024, sam_everything, sd15_step_512, vldm_step)}


def machine():
    """The processor's name and the instructions that matter here."""
    lines = dict(line.split(":", 1) for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in lines.items()}
    has = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in values.get("flags", "").split()]
    return ", ".join([values.get("model name", "unknown processor"), *has])


def best(results):
    return min(results, key=lambda r: r["seconds"])


def best_shapes(results, gemm):
    """The best round of each side, per shape and pass, where a bench measures many and its peer itself."""
    shapes = {}
    for shape in results[0]["shapes"]:
        for way in results[0]["shapes"][shape]:
            runs = [r["shapes"][shape][way] for r in results]
            ours, stock = (min(run[key] for run in runs) for key in ("seconds", "stock_seconds"))
            gflops = max(run["gflops"] for run in runs)
            shapes.setdefault(shape, {})[way] = {"seconds": ours, "stock_seconds": stock, "ratio": stock / ours, "gflops": gflops, "gemm_fraction": gflops / gemm["gflops"]}
    return shapes


def main(names):
    OUT.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    for name in names or BENCHES:
        ours, peers = BENCHES[name]()
        rounds = [(ours(), [peer() for peer in peers], run_json([BIN / "bench_gemm", "f32" if name == "search_1m" else "bf16"])) for _ in range(ROUNDS)]
        mine, gemm = best([r[0] for r in rounds]), best([r[2] for r in rounds])
        theirs = [best([r[1][i] for r in rounds]) for i in range(len(peers))]
        result = {"name": name, "machine": machine(), "threads": mine.pop("threads", int(os.environ["OMP_NUM_THREADS"])), "ours": mine,
                  "peers": theirs, "ratios": {f"{p['name']} {p['dtype']}": p["seconds"] / mine["seconds"] for p in theirs}}
        if "values" in mine:  # what both computed, to be seen equal
            values = [r.pop("values") for r in (mine, *theirs)]
            result["largest_difference"] = max(abs(a - b) for other in values[1:] for x, y in zip(values[0], other, strict=True) for a, b in zip(x, y, strict=True))
            print(name, "largest difference", result["largest_difference"])
        if "gflops" in mine:
            result["gemm_fraction"] = mine["gflops"] / gemm["gflops"]
        if "shapes" in mine:
            mine["shapes"] = best_shapes([r[0] for r in rounds], gemm)
            result["ratios"] = {f"{shape}, {way}": run["ratio"] for shape, ways in mine["shapes"].items() for way, run in ways.items()}
        (OUT / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
        print(name, json.dumps(result["ratios"]), f"gemm {result.get('gemm_fraction', float('nan')):.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
