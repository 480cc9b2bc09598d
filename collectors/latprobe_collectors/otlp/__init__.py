"""OTLP in: what other programs' OpenTelemetry exporters send becomes rows of the store."""
