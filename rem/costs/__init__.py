"""Costs of recordings and memory sizes of stages, computed from the price list."""
