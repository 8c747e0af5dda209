"""One registered network a file: `build(n_outputs, in_channels)` answers a `FilmNetwork` with random weights, nothing downloaded."""
