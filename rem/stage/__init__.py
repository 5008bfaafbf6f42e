"""The frame of a stage's handler: settings, prepared sound, stored results, logs and metrics."""
