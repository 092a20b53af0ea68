"""Evaluation: published protocols over the methods and scorers of this library."""
