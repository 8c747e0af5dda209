"""The nouns every stage shares: findings, label states, tables, storage, settings, seams.

Here belongs what two or more stages need and no stage owns. Nothing here imports a stage.
"""
