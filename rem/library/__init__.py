"""Everything that people and devices do with recordings, on the ports."""
