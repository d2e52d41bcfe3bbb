"""diffusers' UNet2DConditionModel in the shape of Stable Diffusion 1.5 with made-up weights: one guided step at 512 x 512.

Peer of sd15_step_512; also writes the weights that both use. Each memory format is a run of its own, as its peak memory is."""
import argparse
import json
import pathlib
import resource

import diffusers
import torch
from timing import best_of


def model(seed=0):
    torch.manual_seed(seed)
    return diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).eval()


def waves(*shape):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float64) * 0.37).sin().view(shape).float()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", help="where the weights are, or go with --write")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="bf16")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    if options.write:
        unet = model()
        unet.save_pretrained(options.folder, max_shard_size="100GB")
        unet.to(torch.bfloat16).save_pretrained(options.folder, variant="bf16", max_shard_size="100GB")
        raise SystemExit
    dtype = torch.bfloat16 if options.dtype == "bf16" else torch.float32
    unet = diffusers.UNet2DConditionModel.from_pretrained(pathlib.Path(options.folder), torch_dtype=dtype,
                                                          variant="bf16" if options.dtype == "bf16" else None).eval()
    x, context = waves(2, 4, 64, 64).to(dtype), waves(2, 77, 768).to(dtype)
    if options.channels_last:
        unet, x = unet.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        seconds = best_of(2, lambda: unet(x, 500.0, encoder_hidden_states=context))
        values = [unet(x, 500.0, encoder_hidden_states=context).sample.flatten()[:16].float().tolist()]
    name = "diffusers channels-last" if options.channels_last else "diffusers"
    print(json.dumps({"name": name, "version": diffusers.__version__, "dtype": options.dtype, "seconds": seconds,
                      "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "values": values}))
