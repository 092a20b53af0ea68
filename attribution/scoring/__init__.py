"""Citation scoring: verdicts, metrics, citing."""
