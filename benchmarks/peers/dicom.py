"""Turns DICOM films into 512 px PNGs for `bench_ingest.py`, as others do it, in the peers' own environment.

    python dicom.py < REQUESTS > ANSWERS

REQUESTS: a line of JSON each, {"system": one of SYSTEMS, "path": ...}. ANSWERS: a line each, {"cpu_ms": ..., "mean": mean level 0-255}.
Readers that are no pipelines get the shortest sensible rest: stretch between lowest and highest, cv2, PNG. This file needs nothing of the
project; one thread.
"""

from __future__ import annotations

import io
import json
import sys
import time
import warnings
from importlib.metadata import version

import cv2
import numpy as np

warnings.simplefilter("ignore")
cv2.setNumThreads(1)
SIZE = 512


def _png(film):
    """8-bit PNG bytes and the mean level of an array of levels 0-255."""
    return cv2.imencode(".png", film)[1].tobytes(), float(film.mean())


def _stretched(values):
    values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    return ((values - low) / max(high - low, 1) * 255).astype(np.uint8)


def _fitted(film):
    scale = SIZE / max(film.shape)
    return cv2.resize(film, (round(film.shape[1] * scale), round(film.shape[0] * scale)), interpolation=cv2.INTER_AREA)


def typical(path):
    """What most scripts do: pydicom with its default decoder, both LUTs, min-max, cv2, a perceptual hash."""
    import imagehash
    import pydicom
    from PIL import Image
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    dataset = pydicom.dcmread(path)
    film = _fitted(_stretched(apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)))
    imagehash.dhash(Image.fromarray(film))
    return _png(film)


def naive(path):
    """What notebooks do: everything in float64 at full size, percentiles of all pixels, scikit-image's resize."""
    import imagehash
    import pydicom
    from PIL import Image
    from skimage.transform import resize

    values = pydicom.dcmread(path).pixel_array.astype(float)
    low, high = np.percentile(values, [1, 99])
    values = np.clip((values - low) / max(high - low, 1), 0, 1)
    scale = SIZE / max(values.shape)
    film = (resize(values, [round(side * scale) for side in values.shape], anti_aliasing=True) * 255).astype(np.uint8)
    imagehash.dhash(Image.fromarray(film))
    target = io.BytesIO()
    Image.fromarray(film).save(target, "PNG")
    return target.getvalue(), float(film.mean())


def simpleitk(path):
    """SimpleITK's reader (GDCM inside)."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return _png(_fitted(_stretched(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))[0])))


def dicomsdl(path):
    """Dicomsdl's reader."""
    import dicomsdl as reader

    return _png(_fitted(_stretched(reader.open(path).pixelData(storedvalue=True))))


def torchxrayvision(path):
    """read_xray_dcm and XRayResizer, as its users prepare films; levels -1024 to 1024."""
    import torchxrayvision as xrv

    film = xrv.datasets.XRayResizer(SIZE, engine="cv2")(xrv.utils.read_xray_dcm(path)[None])[0]
    return _png(np.clip((film + 1024) / 2048 * 255, 0, 255).astype(np.uint8))


def monai(path):
    """LoadImage with PydicomReader, ScaleIntensity, Resize by area."""
    import monai.transforms as mt
    import torch

    torch.set_num_threads(1)
    film = mt.LoadImage(reader="PydicomReader", image_only=True, ensure_channel_first=True)(path)
    film = mt.Resize(SIZE, size_mode="longest", mode="area")(mt.ScaleIntensity(0, 255)(film))
    return _png(np.asarray(film)[0].T.astype(np.uint8))


SYSTEMS = {
    "typical": (typical, "pydicom"),
    "naive": (naive, "scikit-image"),
    "SimpleITK": (simpleitk, "SimpleITK"),
    "dicomsdl": (dicomsdl, "dicomsdl"),
    "torchxrayvision": (torchxrayvision, "torchxrayvision"),
    "MONAI": (monai, "monai"),
}


def answer(request):
    """CPU milliseconds of one film; a film that cannot be read says why."""
    work, package = SYSTEMS[request["system"]]
    try:
        started = time.process_time()
        _, mean = work(request["path"])
        spent = time.process_time() - started
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200], "version": version(package)}
    return {"cpu_ms": spent * 1000, "mean": mean, "version": version(package)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
