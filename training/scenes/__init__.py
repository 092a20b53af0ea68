"""Training of the vision-language model of drawn scenes."""
