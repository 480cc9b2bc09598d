"""Advice: what to change in a pipeline, with evidence; how to write prompts shorter."""
