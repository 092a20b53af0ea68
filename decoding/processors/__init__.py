"""The methods as logits processors, for `generate(logits_processor=[...])`."""
