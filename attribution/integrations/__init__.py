"""Citation scoring inside other evaluation frameworks; each module needs its framework, and an extra of its name."""
