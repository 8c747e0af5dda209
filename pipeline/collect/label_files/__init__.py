"""Layouts of published label files, one file each."""
