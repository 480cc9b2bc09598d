"""GPU per stage: attribution of counters, kernel truth, energy, verdicts."""
