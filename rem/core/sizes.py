"""Sizes of AWS Lambda with which several packages calculate."""

VCPU_MB = 1769  # Lambda gives one vCPU per 1,769 MB
