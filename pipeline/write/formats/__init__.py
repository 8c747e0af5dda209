"""Export formats: one file each. A format lays films out in files; which films and labels there are is `curated`'s."""
