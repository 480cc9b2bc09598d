"""What the recorded rows say: pure functions, whose only I/O is the `query` they are given."""
