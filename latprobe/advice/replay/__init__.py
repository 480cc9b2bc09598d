"""Recorded requests asked again of a live model, as they were and as a suggestion would have them.

Nothing here calls anything until `trial.run` is handed an endpoint; `latprobe replay` asks first.
"""
