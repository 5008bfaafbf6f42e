"""A handler's frame: work, settings, audio, logs, recipes."""
