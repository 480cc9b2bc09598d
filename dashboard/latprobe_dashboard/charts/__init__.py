"""The drawings: each takes rows that are already aggregated and returns or mounts one chart."""
