"""Where exports come from, one file a source. A source knows a layout; what is done with its files it does not."""
