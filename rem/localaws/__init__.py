"""The laptop's AWS: S3, SQS, DynamoDB and Step Functions by moto, Lambda by AWS's own runtime client."""

from rem.localaws.function import LocalFunction
from rem.localaws.server import LocalAws

__all__ = ["LocalAws", "LocalFunction"]
