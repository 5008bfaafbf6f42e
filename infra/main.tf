data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name       = "${var.project}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  is_prod    = var.environment == "prod"

  # The tuning file. Each of its entries is a function, and there are no others.
  stages = yamldecode(file("${path.module}/../statemachine/stages.yaml"))
  # The facts that AWS and a laptop have in common; rem/home/resources.py reads the same file.
  resources = yamldecode(file("${path.module}/../statemachine/resources.yaml"))
  images    = toset([for stage in local.stages : stage.image])

  # ARNs are built from names: the definition is then known and validated at plan, and functions and machine may name
  # each other.
  function_names = { for stage in keys(local.stages) : stage => "${local.name}-${stage}" }
  function_arns = {
    for stage, name in local.function_names :
    stage => "arn:${local.partition}:lambda:${var.region}:${local.account_id}:function:${name}"
  }
  machine_names = { standard = "${local.name}-recording", express = "${local.name}-recording-express" }
  machine_arns = {
    for kind, name in local.machine_names :
    kind => "arn:${local.partition}:states:${var.region}:${local.account_id}:stateMachine:${name}"
  }

  kms_key_arn = var.use_kms ? aws_kms_key.main[0].arn : null
}

resource "aws_kms_key" "main" {
  count = var.use_kms ? 1 : 0

  description             = "${local.name}: recordings, transcripts, queues"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[0].json
}

resource "aws_kms_alias" "main" {
  count = var.use_kms ? 1 : 0

  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.main[0].key_id
}

data "aws_iam_policy_document" "key" {
  count = var.use_kms ? 1 : 0

  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  # S3 writes to the queue, CloudWatch and EventBridge to the topic; without this statement the key would stop them.
  statement {
    sid       = "ServicesThatWriteToQueueAndTopic"
    actions   = ["kms:GenerateDataKey*", "kms:Decrypt"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com", "events.amazonaws.com", "cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}
