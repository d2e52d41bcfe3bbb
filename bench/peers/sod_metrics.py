"""PySODMetrics' S, E, weighted F, F and MAE of the pictures in a folder, seconds a picture, as JSON.

usage: sod_metrics.py FOLDER [--write]     --write: makes the pictures
"""
import json
import pathlib
import resource
import sys
import warnings

import numpy as np
from PIL import Image

from timing import best_of

SIZES = [(480, 640), (768, 1024), (299, 400), (1024, 1024)]  # height, width: CAMO's and COD10K's usual ones


def write(folder):
    """Blobs for masks; blurred, shifted, noisy ones for predictions, as networks make them."""
    from scipy.ndimage import gaussian_filter
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    for i in range(12):
        h, w = SIZES[i % len(SIZES)]
        field = gaussian_filter(random.standard_normal((h, w)), min(h, w) / (10 + i))
        mask = field > np.quantile(field, 1 - 0.04 * (1 + i))
        wrong = gaussian_filter(random.standard_normal((h, w)), min(h, w) / 30)
        soft = gaussian_filter(np.roll(mask, 3 * i, 1).astype(float), 2 + i) + 8 * np.abs(wrong) * (wrong > np.quantile(wrong, 0.9)) + 0.02 * random.random((h, w))
        Image.fromarray((255 * mask).astype(np.uint8)).save(folder / f"{i:03d}_mask.png")
        Image.fromarray(np.round(255 * np.clip(soft, 0, 1)).astype(np.uint8)).save(folder / f"{i:03d}_prediction.png")


def main(folder):
    warnings.filterwarnings("ignore")
    import py_sod_metrics as sod
    masks = sorted(folder.glob("*_mask.png"))
    pairs = [(np.asarray(Image.open(str(m).replace("_mask", "_prediction"))), np.asarray(Image.open(m))) for m in masks]
    values = []

    def score():
        values.clear()
        for prediction, mask in pairs:
            s, e, w, f, m = sod.Smeasure(), sod.Emeasure(), sod.WeightedFmeasure(), sod.Fmeasure(), sod.MAE()
            for measure in (s, e, w, f, m):
                measure.step(pred=prediction, gt=mask)
            em, fm = e.get_results()["em"], f.get_results()["fm"]
            values.append([float(v) for v in (s.get_results()["sm"], em["curve"].mean(), em["curve"].max(), em["adp"], w.get_results()["wfm"],
                                              fm["curve"].mean(), fm["curve"].max(), fm["adp"], m.get_results()["mae"])])

    seconds = best_of(2, score) / len(pairs)
    from importlib.metadata import version
    print(json.dumps({"name": "pysodmetrics", "version": version("pysodmetrics"), "dtype": "u8", "seconds": seconds,
                      "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "values": values}))


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1])) if "--write" in sys.argv else main(pathlib.Path(sys.argv[1]))
