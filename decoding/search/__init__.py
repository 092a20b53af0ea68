"""Contrastive search: k candidate tokens per step, ranked by probability and by their likeness to earlier tokens."""
