"""Step Functions executions, read without I/O: histories, status changes, failures."""
