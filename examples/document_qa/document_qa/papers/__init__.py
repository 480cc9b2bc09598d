"""The papers that the scanner input shows: one file a kind, each with `compose(rng)`."""
