"""DuckDB: what is kept, and the one process that keeps it."""
