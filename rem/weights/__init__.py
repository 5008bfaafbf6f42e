"""Model weights: where they come from, how they are fetched and checked, what identifies them."""
