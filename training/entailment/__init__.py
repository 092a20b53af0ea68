"""Training of the local entailment model."""
