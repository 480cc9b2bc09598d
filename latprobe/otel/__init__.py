"""OpenTelemetry's API over latprobe's recorder, and the names it and its kin use."""
