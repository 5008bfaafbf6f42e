"""The words of Step Functions for how an execution stands, and their order in an execution's life."""

from __future__ import annotations

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
FAILED, TIMED_OUT, ABORTED = "FAILED", "TIMED_OUT", "ABORTED"
PENDING_REDRIVE = "PENDING_REDRIVE"  # AWS has accepted a redrive that has not begun
UNSUCCESSFUL = (FAILED, TIMED_OUT, ABORTED)
REDRIVABLE, NOT_REDRIVABLE = "REDRIVABLE", "NOT_REDRIVABLE"


def order_status(redrive_count: int, status: str) -> int:
    """Number the statuses of one execution in the order in which it has them.

    Running is 0, ended is 1, running again by a redrive is 2, ended again is 3, and so on.
    """
    return 2 * redrive_count + (status != RUNNING)
