"""What a recording costs and which memory sizes suit it: pure, with the price list."""
