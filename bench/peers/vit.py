"""transformers' ViTModel in the shape of MERU's towers. Peer of encode_vit_b16; also writes the weights both use."""
import argparse
import json
import resource

import torch
import transformers
from timing import best_of


def tower(size, seed=0):
    width, heads = {"s": (384, 12), "b": (768, 12)}[size]
    torch.manual_seed(seed)
    config = transformers.ViTConfig(hidden_size=width, num_attention_heads=heads, num_hidden_layers=12, intermediate_size=4 * width,
                                    layer_norm_eps=1e-5, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    return transformers.ViTModel(config, add_pooling_layer=False)


def canonical(state):
    """ViTModel's tensors under MERU's names (q, k and v packed)."""
    out = {"cls_token": state["embeddings.cls_token"], "pos_embed": state["embeddings.position_embeddings"],
           "patch_embed.proj.weight": state["embeddings.patch_embeddings.projection.weight"],
           "patch_embed.proj.bias": state["embeddings.patch_embeddings.projection.bias"],
           "norm.weight": state["layernorm.weight"], "norm.bias": state["layernorm.bias"]}
    for key in state:
        prefix = next((p for p in ("encoder.layer.", "layers.") if key.startswith(p)), None)
        if prefix is None:
            continue
        index, rest = key[len(prefix):].split(".", 1)
        kind = rest.rsplit(".", 1)[1]
        table = {"layernorm_before": "norm1", "layernorm_after": "norm2", "attention.output.dense": "attn.proj", "attention.o_proj": "attn.proj",
                 "intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
        name = rest.rsplit(".", 1)[0]
        if name in table:
            out[f"blocks.{index}.{table[name]}.{kind}"] = state[key]
        elif name.endswith(("query", "q_proj")):
            parts = [name.replace("query", x).replace("q_proj", y) for x, y in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"))]
            out[f"blocks.{index}.attn.qkv.{kind}"] = torch.cat([state[f"{prefix}{index}.{p}.{kind}"] for p in parts])
    return {k: v.contiguous() for k, v in out.items()}


def report(dtype, seconds):
    print(json.dumps({"name": "transformers", "version": transformers.__version__, "dtype": dtype, "seconds": seconds,
                      "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", help="write the weights for the other side and end")
    parser.add_argument("--dtype", default="bf16")
    options = parser.parse_args()
    model = tower("b").eval()
    if options.write:
        from safetensors.torch import save_file
        save_file(canonical(model.state_dict()), options.write)
        raise SystemExit
    images = torch.randn(16, 3, 224, 224)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=options.dtype == "bf16"):
        report(options.dtype, best_of(5, lambda: model(images).last_hidden_state[:, 0]))
