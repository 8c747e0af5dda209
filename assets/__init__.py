"""When and how the stages run: everything Dagster. What they do is in `pipeline`."""
