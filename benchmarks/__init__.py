"""Benchmarks: one question per file, each ending in an audit of the books."""
