"""Process start to the first embedding with transformers: open a CLIP folder, read a picture, embed it. Peer of
cold_start_clip; --write makes the checkpoint."""
import argparse
import pathlib

import torch
import transformers

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("picture", nargs="?")
parser.add_argument("--write", action="store_true")
options = parser.parse_args()
if options.write:
    torch.manual_seed(0)
    transformers.CLIPModel(transformers.CLIPConfig()).save_pretrained(options.folder)  # ViT-B/32, 605 MB
    raise SystemExit
import numpy
from PIL import Image

model = transformers.CLIPModel.from_pretrained(options.folder).eval()
picture = Image.open(options.picture).convert("RGB").resize((224, 224), Image.BICUBIC)
pixels = torch.from_numpy(numpy.asarray(picture).copy()).permute(2, 0, 1).float().div(255).unsqueeze(0)
mean, std = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1), torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
with torch.no_grad():
    features = model.get_image_features(pixel_values=(pixels - mean) / std)
features = getattr(features, "pooler_output", features)
print(float(features.norm()))
