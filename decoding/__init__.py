"""Contrastive decoding: rules, views, processors and loops."""
