"""One file a format; each gives a Reading, or None for what is not its own."""
