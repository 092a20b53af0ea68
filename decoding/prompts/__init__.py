"""What the views read: prompts, several as one padded batch, images beside text."""
