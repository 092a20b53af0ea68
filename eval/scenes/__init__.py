"""Drawn scenes, and a vision-language model of them that is small enough to ship: a measuring rig, not a demonstration.

Some things have a partner that usually stands beside them. A model that was told of such a world answers from that
habit where an image is unclear, as large models do; its twin was told of a world without partners, and saw through the
same vision tower. What the first says beyond the second is hallucination, and it is known to be.
"""
