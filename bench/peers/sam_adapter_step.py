"""One training step of SAM-Adapter on ViT-B at 1024 pixels, batch 1, in PyTorch as the original formulates it: float32,
attention with its whole matrix of logits (transformers' eager SamModel), prompts added before every block, everything kept
for the backward pass. With --dtype bf16 under autocast. Peer of adapter_step_b_1024."""
import argparse
import json
import pathlib
import resource

import torch
import torch.nn.functional as F
import transformers
from timing import best_of

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
options = parser.parse_args()
torch.manual_seed(0)
sam = transformers.SamModel.from_pretrained(pathlib.Path(options.folder), attn_implementation="eager")
for parameter in sam.parameters():
    parameter.requires_grad_(False)
for parameter in sam.mask_decoder.parameters():
    parameter.requires_grad_(True)
width, depth, inner = 768, 12, 24


class Prompts(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Linear(width, inner)
        self.patches = torch.nn.Conv2d(3, inner, 16, 16)
        self.own = torch.nn.ModuleList(torch.nn.Linear(inner, inner) for _ in range(depth))
        self.shared = torch.nn.Linear(inner, width)

    def high_pass(self, x):
        mask = torch.zeros(x.shape)
        mask[:, :, 256:768, 256:768] = 1
        spectrum = torch.fft.fftshift(torch.fft.fft2(x, norm="forward"))
        return torch.abs(torch.fft.ifft2(torch.fft.ifftshift(spectrum * (1 - mask)), norm="forward").real)

    def forward(self, x, embedded):
        feature = self.patches(self.high_pass(x)).flatten(2).transpose(1, 2) + self.embedding(embedded.flatten(1, 2))
        return [self.shared(F.gelu(own(feature))).view(embedded.shape) for own in self.own]


prompts, now = Prompts(), []
no_mask = torch.nn.Parameter(sam.prompt_encoder.no_mask_embed.weight.detach().clone())
for index, layer in enumerate(sam.vision_encoder.layers):
    layer.register_forward_pre_hook(lambda _, arguments, i=index: (arguments[0] + now[i], *arguments[1:]))
optimizer = torch.optim.AdamW([*prompts.parameters(), *sam.mask_decoder.parameters(), no_mask], lr=2e-4, weight_decay=0.01)
image, mask = torch.randn(1, 3, 1024, 1024), (torch.rand(1, 1, 1024, 1024) > 0.5).float()
positions = sam.get_image_wide_positional_embeddings()


def step():
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=options.dtype == "bf16"):
        now[:] = prompts(image, sam.vision_encoder.patch_embed(image))
        features = sam.vision_encoder(image).last_hidden_state
        dense = no_mask.view(1, 256, 1, 1).expand(1, 256, 64, 64)
        low = sam.mask_decoder(features, positions, torch.zeros(1, 1, 0, 256), dense, multimask_output=False)[0]
    logits = F.interpolate(low.float().flatten(0, 1), (1024, 1024), mode="bilinear")
    chances = logits.sigmoid()
    both = (chances * mask).sum((2, 3))
    loss = F.binary_cross_entropy_with_logits(logits, mask) + (1 - both / ((chances + mask).sum((2, 3)) - both)).mean()
    loss.backward()
    optimizer.step()


seconds = best_of(2, step)
print(json.dumps({"name": "original formulation in PyTorch", "version": torch.__version__, "dtype": options.dtype, "seconds": seconds,
                  "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
