"""Issue detectors, one file each: which given labels of one finding are probably wrong."""
