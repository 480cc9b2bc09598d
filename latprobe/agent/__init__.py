"""The process that owns the store: ingests the journal, samples the host, answers SQL."""
