"""Serving engines, read at their Prometheus pages: queues, batches, caches, tokens."""
