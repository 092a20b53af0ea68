"""Figures made of verdicts: one metric a file."""
