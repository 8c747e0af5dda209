"""Image models. torch lives here and nowhere else.

`architectures` registered networks, `networks` what they share, `checkpoints` weights on disk, `films` pixels from a home,
`losses`, `training`, `calibration`, `folds` the parts of one training, `experiments` one training from films to probabilities.
Nothing here knows a stage or writes a table.
"""
