"""The original's automatic masks over transformers' SamModel: 16 x 16 points on a picture of 1024 x 768, thresholds 0.

The loop is that of segment_anything's SamAutomaticMaskGenerator (filters, boxes, run lengths), on whole batches of tensors; torchvision
is not to be had, so suppression is written here, on the whole matrix of overlaps. usage: sam_everything.py WEIGHTS --dtype bf16|f32
"""
import argparse
import json
import resource

import torch
import torch.nn.functional as F
import transformers
from timing import best_of

MEAN = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
STD = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
WIDTH, HEIGHT, SIDE, BATCH = 1024, 768, 16, 64


def picture():
    y, x, c = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), torch.arange(3), indexing="ij")
    return ((x * (c + 1) // 4 + y * (3 - c) // 3 + (x // 64) * (y // 48) * 7) % 256).permute(2, 0, 1).float()


def to_boxes(masks):
    height, width = masks.shape[-2:]
    rows, columns = masks.any(-1), masks.any(-2)
    row, column = torch.arange(height), torch.arange(width)
    bottom, right = (rows * row).max(-1).values, (columns * column).max(-1).values
    top = (row + height * ~rows).min(-1).values
    left = (column + width * ~columns).min(-1).values
    empty = (right < left) | (bottom < top)
    return torch.stack([left, top, right, bottom], -1) * (~empty).unsqueeze(-1)


def to_rle(masks):
    count, height, width = masks.shape
    flat = masks.permute(0, 2, 1).flatten(1)
    change = (flat[:, 1:] ^ flat[:, :-1]).nonzero()
    out = []
    for i in range(count):
        turns = change[change[:, 0] == i, 1]
        edges = torch.cat([torch.tensor([0]), turns + 1, torch.tensor([height * width])])
        counts = [] if not flat[i, 0] else [0]
        counts.extend((edges[1:] - edges[:-1]).tolist())
        out.append({"size": [height, width], "counts": counts})
    return out


def suppress(boxes, scores, threshold):
    order = scores.sort(descending=True, stable=True).indices
    boxes = boxes[order].float()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    size = (torch.min(boxes[:, None, 2:], boxes[None, :, 2:]) - torch.max(boxes[:, None, :2], boxes[None, :, :2])).clamp(min=0)
    overlap = size[..., 0] * size[..., 1]
    above = (overlap / (area[:, None] + area[None] - overlap) > threshold).numpy()
    keep, gone = [], torch.zeros(len(boxes), dtype=torch.bool).numpy()
    for i in range(len(boxes)):
        if not gone[i]:
            keep.append(i)
            gone |= above[i]
    return order[torch.tensor(keep)]


def everything(model, image, iou_threshold=0.0, stability_threshold=0.0, offset=1.0, nms_threshold=0.7):
    padded = F.pad((image - MEAN) / STD, (0, 1024 - WIDTH, 0, 1024 - HEIGHT))[None]
    embedding = model.get_image_embeddings(padded.to(model.dtype))
    grid = (torch.arange(SIDE) + 0.5) / SIDE
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    points = torch.stack([x.flatten() * WIDTH, y.flatten() * HEIGHT], -1)
    found = {"boxes": [], "iou": [], "stability": [], "rle": []}
    for batch in points.split(BATCH):
        answer = model(image_embeddings=embedding, input_points=batch[None, :, None], input_labels=torch.ones(1, len(batch), 1, dtype=torch.long), multimask_output=True)
        masks = F.interpolate(answer.pred_masks[0].float(), (1024, 1024), mode="bilinear", align_corners=False)[..., :HEIGHT, :WIDTH]
        masks = F.interpolate(masks, (HEIGHT, WIDTH), mode="bilinear", align_corners=False).flatten(0, 1)
        iou = answer.iou_scores[0].float().flatten()
        if iou_threshold > 0:
            keep = iou > iou_threshold
            masks, iou = masks[keep], iou[keep]
        inner = (masks > offset).sum(-1, dtype=torch.int16).sum(-1, dtype=torch.int32)
        outer = (masks > -offset).sum(-1, dtype=torch.int16).sum(-1, dtype=torch.int32)
        stability = inner / outer
        if stability_threshold > 0:
            keep = stability >= stability_threshold
            masks, iou, stability = masks[keep], iou[keep], stability[keep]
        masks = masks > 0
        found["boxes"].append(to_boxes(masks))
        found["iou"].append(iou)
        found["stability"].append(stability)
        found["rle"].extend(to_rle(masks))
    boxes, iou = torch.cat(found["boxes"]), torch.cat(found["iou"])
    keep = suppress(boxes, iou, nms_threshold)
    return [{"bbox": boxes[i].tolist(), "iou": iou[i].item(), "rle": found["rle"][i]} for i in keep.tolist()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", help="a folder of transformers' SamModel")
    parser.add_argument("--dtype", default="bf16")
    options = parser.parse_args()
    model = transformers.SamModel.from_pretrained(options.weights, dtype=torch.bfloat16 if options.dtype == "bf16" else torch.float32).eval()
    image = picture()
    result = []
    with torch.no_grad():
        seconds = best_of(1, lambda: result.append(everything(model, image)))
    print(json.dumps({"name": "transformers", "version": transformers.__version__, "dtype": options.dtype, "seconds": seconds, "masks": len(result[-1]),
                      "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
