"""Compressors, one file and one shape each (`contract.Compressor`); `compose.best` counts them."""
