"""Report labelers, one file or folder each; their phrases and patterns lie beside the code as text.

Here belongs what reads reports. Reconciling several readings belongs to `pipeline/label`.
"""
