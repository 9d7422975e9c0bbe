"""The stages on a run folder: each reads what the ones before it left, and writes its own."""
