"""Training and measuring models that judge whether a premise supports a hypothesis."""
