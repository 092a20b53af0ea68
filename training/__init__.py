"""What makes the weights that ship; run from a checkout, in no wheel."""
