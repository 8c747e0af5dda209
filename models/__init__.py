"""Image models. torch lives here and nowhere else.

`architectures` registered networks, `networks` what they share, `checkpoints` weights on disk, `films` pixels from a home,
`losses`, `augmentation`, `training`, `calibration`, `folds` the parts of one training, `experiments` one training from films to
probabilities, `workers` several at once, `memory` what is kept of them, `dataset` a release for PyTorch. `chexbert` and
`wordpieces` read reports.
Nothing here knows a stage or writes a table.
"""

from __future__ import annotations

import os

# Read when torch loads its OpenMP. Threads that spin while they wait made a training on two busy cores eighteen times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
