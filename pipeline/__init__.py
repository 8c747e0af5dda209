"""What is done to the data, one folder a stage: `ls` shows the path in the order of the data.

Here belongs plain Python over tables. Not here: Dagster (`assets/`, and `definitions.py` alone), torch (`models/`).
"""

__version__ = "0.1.0"
