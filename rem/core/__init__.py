"""The pure part: no input or output, no clock, no vendor but pysubs2 for caption files."""
