"""Adapters: the only code that speaks to a vendor of storage, queues, executions or models."""
