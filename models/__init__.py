"""Image models. torch lives here and nowhere else.

`architectures` registered networks, `networks` what they share, `checkpoints` and `trained` weights on disk, `films` pixels of a home.
One training: `recipes` how, `sampling`, `schedules` and `augmentation` its steps, `losses` and `objective` what it makes small,
`training` the loop, `resume` its state on disk, `dynamics` what it shows of the labels, `frozen` heads alone, `calibration` logits to
probabilities. `folds`, `experiments`, `workers`, `memory`: who trains and is judged, from films to probabilities, several at once, and
what is kept. `zoo` published models, `dataset` a release for PyTorch. `chexbert` and `wordpieces` read reports.
Nothing here knows a stage or writes a table.
"""

from __future__ import annotations

import os

# Read when torch loads its OpenMP. Threads that spin while they wait made a training on two busy cores eighteen times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
