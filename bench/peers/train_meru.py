"""One training step of MERU ViT-S on 64 pairs in PyTorch: transformers' ViTModel and CLIPTextModel of the same shapes,
the hyperbolic loss in plain tensors, fused AdamW. Peer of train_meru_vit_s."""
import argparse

import torch
import torch.nn.functional as F
import transformers
from timing import best_of
from vit import report, tower

parser = argparse.ArgumentParser()
parser.add_argument("--dtype", default="bf16")
options = parser.parse_args()
torch.manual_seed(0)
visual = tower("s")
textual = transformers.CLIPTextModel(transformers.CLIPTextConfig(hidden_size=512, intermediate_size=2048, num_hidden_layers=12,
                                                                 num_attention_heads=8, hidden_act="gelu", eos_token_id=49407))
heads = torch.nn.ModuleList([torch.nn.Linear(384, 512, bias=False), torch.nn.Linear(512, 512, bias=False)])
scalars = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(v)) for v in (2.659, 0.0, -3.119, -3.119)])
parameters = [p for m in (visual, textual, heads, scalars) for p in m.parameters()]
optimizer = torch.optim.AdamW(parameters, lr=5e-4, betas=(0.9, 0.98), weight_decay=0.2, fused=True)
pixels = torch.randint(256, (64, 3, 224, 224), dtype=torch.uint8)
ids = torch.randint(1, 49000, (64, 20))
ids[:, 19] = 49407
mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def exp_map0(v, c):
    r = c.sqrt() * v.norm(dim=-1, keepdim=True)
    return torch.sinh(r.clamp(1e-8, 11.09)) * v / r.clamp(min=1e-8)


def step():
    optimizer.zero_grad()
    scale, curv, alpha_v, alpha_t = scalars
    with torch.autocast("cpu", torch.bfloat16, enabled=options.dtype == "bf16"):
        image = heads[0](visual((pixels / 255 - mean) / std).last_hidden_state[:, 0])
        text = heads[1](textual(ids).last_hidden_state[:, 19])
    c = curv.exp()
    x, y = exp_map0(image.float() * alpha_v.exp(), c), exp_map0(text.float() * alpha_t.exp(), c)
    tx, ty = (1 / c + x.square().sum(-1, keepdim=True)).sqrt(), (1 / c + y.square().sum(-1, keepdim=True)).sqrt()
    logits = -scale.exp() * torch.acosh((-c * (x @ y.T - tx @ ty.T)).clamp(min=1 + 1e-6)) / c.sqrt()
    labels = torch.arange(64)
    inner = c * ((x * y).sum(-1) - (tx * ty).squeeze(-1))
    angle = torch.acos(((tx.squeeze(-1) + inner * ty.squeeze(-1)) / (y.norm(dim=-1) * (inner.square() - 1).clamp(min=1e-6).sqrt() + 1e-8)).clamp(-1 + 1e-6, 1 - 1e-6))
    aperture = torch.asin((0.2 / (y.norm(dim=-1) * c.sqrt() + 1e-8)).clamp(max=1 - 1e-6))
    loss = 0.5 * (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) + 0.2 * (angle - aperture).clamp(min=0).mean()
    loss.backward()
    optimizer.step()


report(options.dtype, best_of(3, step))
