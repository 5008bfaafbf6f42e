"""Pure reading of Step Functions executions: histories, status changes, failures."""
