"""The only code that speaks to a vendor of storage, queues, executions, logs or models."""
