"""Published chest X-ray models, one system a file: weights from a path in, scores by finding out (`interfaces.PublishedModel`).

A module that starts with "_" holds what several share. Preprocessing, prompts and quirks are upstream's, to the pixel; where upstream is
wrong, an option gives the corrected variant and the card says so.
"""
