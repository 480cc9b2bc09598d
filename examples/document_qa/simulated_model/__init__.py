"""The one simulated part of the example: a model that looks values up and waits as a 7B would.

It computes nothing on a GPU. Its answers come from regular expressions, its token counts from a
written rule, its times from `token_times.py`. Standard library only.
"""
