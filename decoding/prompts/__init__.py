"""What a contrast reads: prompts, several of them as one padded batch, images beside text, contrastive examples."""
