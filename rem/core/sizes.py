"""Sizes of AWS Lambda that several rooms count with."""

VCPU_MB = 1769  # Lambda gives one vCPU per 1,769 MB
