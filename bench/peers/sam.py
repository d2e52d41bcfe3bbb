"""transformers' SamModel (ViT-B) with made-up weights: its image encoder at 1024 pixels, or its decoder for 64 points.

Peer of sam_encode_b_1024 and sam_decode_64; also writes the weights that both use."""
import argparse
import json
import pathlib
import resource

import torch
import transformers
from timing import best_of


def model(seed=0):
    torch.manual_seed(seed)
    built = transformers.SamModel(transformers.SamConfig())
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.endswith(("rel_pos_h", "rel_pos_w", "pos_embed")):
                parameter.normal_(0, 0.02)
    return built.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", help="where the weights are, or go with --write")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--part", choices=("encode", "decode"), default="encode")
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="bf16")
    options = parser.parse_args()
    if options.write:
        model().save_pretrained(options.folder)
        raise SystemExit
    dtype = torch.bfloat16 if options.dtype == "bf16" else torch.float32
    sam = transformers.SamModel.from_pretrained(pathlib.Path(options.folder), dtype=dtype).eval()
    with torch.no_grad():
        if options.part == "encode":
            image = torch.randn(1, 3, 1024, 1024, dtype=dtype)
            seconds = best_of(3, lambda: sam.get_image_embeddings(image))
        else:
            embedding, points = torch.randn(1, 256, 64, 64, dtype=dtype), torch.rand(1, 64, 1, 2) * 1024
            labels = torch.ones(1, 64, 1, dtype=torch.long)
            seconds = best_of(3, lambda: sam(image_embeddings=embedding, input_points=points, input_labels=labels, multimask_output=True))
    print(json.dumps({"name": "transformers", "version": transformers.__version__, "dtype": options.dtype, "seconds": seconds,
                      "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
