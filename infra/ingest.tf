# An upload becomes a message, and a message an execution.
locals {
  queue                = local.resources.queue
  visibility_timeout_s = local.queue.visibility_per_timeout * local.stages.start.timeout_s
  keep_dlq_s           = 14 * 24 * 3600
}

resource "aws_sqs_queue" "uploads_dlq" {
  name                              = "${local.name}-uploads-dlq"
  message_retention_seconds         = local.keep_dlq_s
  sqs_managed_sse_enabled           = var.use_kms ? null : true
  kms_master_key_id                 = local.kms_key_arn
  kms_data_key_reuse_period_seconds = var.use_kms ? 300 : null
}

resource "aws_sqs_queue" "uploads" {
  name                              = "${local.name}-uploads"
  visibility_timeout_seconds        = local.visibility_timeout_s
  message_retention_seconds         = 4 * 24 * 3600
  receive_wait_time_seconds         = 20
  sqs_managed_sse_enabled           = var.use_kms ? null : true
  kms_master_key_id                 = local.kms_key_arn
  kms_data_key_reuse_period_seconds = var.use_kms ? 300 : null

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.uploads_dlq.arn
    maxReceiveCount     = local.queue.receives_before_dlq
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "uploads_dlq" {
  queue_url = aws_sqs_queue.uploads_dlq.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.uploads.arn]
  })
}

resource "aws_sqs_queue_policy" "uploads" {
  queue_url = aws_sqs_queue.uploads.id
  policy    = data.aws_iam_policy_document.uploads_queue.json
}

data "aws_iam_policy_document" "uploads_queue" {
  statement {
    sid       = "OnlyOurBucket"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.uploads.arn]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.recordings.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket     = aws_s3_bucket.recordings.id
  depends_on = [aws_sqs_queue_policy.uploads] # S3 sends a test event as soon as this is made

  queue {
    id            = "uploads"
    queue_arn     = aws_sqs_queue.uploads.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.resources.bucket.event_prefix
  }
}

resource "aws_lambda_event_source_mapping" "start" {
  event_source_arn        = aws_sqs_queue.uploads.arn
  function_name           = aws_lambda_function.stage["start"].arn
  batch_size              = 10 # Lambda's default, which the laptop has too
  function_response_types = ["ReportBatchItemFailures"]

  # The concurrency is limited here and not reserved: a new account may have ten for all functions together.
  scaling_config {
    maximum_concurrency = 2
  }
}

# Standard executions tell how they ended. Express sends no such events, so the sweeper finds its unfinished ones.
resource "aws_cloudwatch_event_rule" "status" {
  name        = "${local.name}-execution-status"
  description = "Each change of an execution's status"
  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail      = { stateMachineArn = [local.machine_arns.standard] }
  })
}

resource "aws_cloudwatch_event_target" "status" {
  rule      = aws_cloudwatch_event_rule.status.name
  target_id = "status"
  arn       = aws_lambda_function.stage["status"].arn

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 10
  }
}

resource "aws_cloudwatch_event_rule" "sweep" {
  name                = "${local.name}-sweep"
  description         = "Looks for recordings that no event moved on"
  schedule_expression = "rate(15 minutes)"
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule      = aws_cloudwatch_event_rule.sweep.name
  target_id = "sweep"
  arn       = aws_lambda_function.stage["sweep"].arn
}

resource "aws_lambda_permission" "rule" {
  for_each = { status = aws_cloudwatch_event_rule.status.arn, sweep = aws_cloudwatch_event_rule.sweep.arn }

  statement_id  = "rule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.stage[each.key].function_name
  principal     = "events.amazonaws.com"
  source_arn    = each.value
}
