"""Measures of texts: repetition, coherence, MAUVE."""
