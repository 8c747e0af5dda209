"""Uncertainty policies, one file each: what UNCERTAIN becomes in training (CheXpert, Irvin et al. 2019, section 3)."""
