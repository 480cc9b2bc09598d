"""Questions about scanned pages: decode, resize, OCR, chunk, retrieve, ask a model, parse."""
