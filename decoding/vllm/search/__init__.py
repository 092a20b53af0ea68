"""An engine with contrastive search: one forward a token, one paged cache, any batch."""
