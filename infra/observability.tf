# Alarms with a receiver, a dashboard, and an optional budget.
locals {
  alarms = {
    messages-given-up = {
      description = "Uploads that started no execution wait in the dead-letter queue: rem dlq"
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.uploads_dlq.name }
      threshold   = 0, minutes = 5
    }
    messages-wait = {
      description = "The oldest upload waits for more than 15 minutes: executions are throttled, or the starter fails"
      namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.uploads.name }
      threshold   = 900, minutes = 5
    }
    executions-failed = {
      description = "Recordings failed: rem executions --failed, then rem redrive"
      namespace   = "AWS/States", metric = "ExecutionsFailed", statistic = "Sum"
      dimensions  = { StateMachineArn = local.machine_arns.standard }
      threshold   = 0, minutes = 5
    }
    executions-timed-out = {
      description = "Recordings took longer than a day"
      namespace   = "AWS/States", metric = "ExecutionsTimedOut", statistic = "Sum"
      dimensions  = { StateMachineArn = local.machine_arns.standard }
      threshold   = 0, minutes = 5
    }
    recordings-stuck = {
      description = "The sweeper found recordings that no event had moved on: rem executions"
      namespace   = "REM", metric = "StuckRecordings", statistic = "Sum"
      dimensions  = { service = local.name }
      threshold   = 0, minutes = 60
    }
    sweeper-fails = {
      description = "The sweeper itself fails: its log says why"
      namespace   = "AWS/Lambda", metric = "Errors", statistic = "Sum"
      dimensions  = { FunctionName = local.function_names.sweep }
      threshold   = 1, minutes = 60
    }
    api-fails = {
      description = "The API answered 5xx: its function's log says why"
      namespace   = "AWS/ApiGateway", metric = "5XXError", statistic = "Sum"
      dimensions  = { ApiName = local.name }
      threshold   = 4, minutes = 15
    }
    functions-throttled = {
      description = "Lambda refused more than 50 invocations: ask AWS for a higher concurrency quota"
      namespace   = "AWS/Lambda", metric = "Throttles", statistic = "Sum"
      dimensions  = {}
      threshold   = 50, minutes = 15
    }
  }
  percentiles = ["p50", "p95"]
}

resource "aws_sns_topic" "alerts" {
  name              = "${local.name}-alerts"
  kms_master_key_id = local.kms_key_arn # under AWS's own key CloudWatch could not publish
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.alerts.json
}

data "aws_iam_policy_document" "alerts" {
  statement {
    sid       = "OurAlarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alert_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 60 * each.value.minutes
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.name
  dashboard_body = jsonencode({
    widgets = [
      {
        type = "metric", x = 0, y = 0, width = 12, height = 6
        properties = {
          title = "Recordings", region = var.region, stat = "Sum", period = 300
          metrics = [
            for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] :
            ["AWS/States", metric, "StateMachineArn", local.machine_arns.standard]
          ]
        }
      },
      {
        type = "metric", x = 12, y = 0, width = 12, height = 6
        properties = {
          title = "Seconds of sound, seconds of speech, dollars", region = var.region, stat = "Sum", period = 3600
          metrics = [
            ["REM", "AudioSeconds", "service", local.name],
            ["REM", "SpeechSeconds", "service", local.name],
            ["REM", "CostUsd", "service", local.name, { yAxis = "right" }],
          ]
        }
      },
      {
        type = "metric", x = 0, y = 6, width = 12, height = 6
        properties = {
          title = "Duration per stage, ms", region = var.region, period = 300
          metrics = [
            for each in setproduct(local.states_of, local.percentiles) :
            ["AWS/Lambda", "Duration", "FunctionName", local.function_names[each[0]], { stat = each[1], label = join(" ", each) }]
          ]
        }
      },
      {
        type = "metric", x = 12, y = 6, width = 12, height = 6
        properties = {
          title = "Errors and throttles per stage", region = var.region, stat = "Sum", period = 300
          metrics = [
            for each in setproduct(keys(local.stages), ["Errors", "Throttles"]) :
            ["AWS/Lambda", each[1], "FunctionName", local.function_names[each[0]], { label = join(" ", each) }]
          ]
        }
      },
      {
        # The figures come from Lambda's REPORT lines: a custom metric per stage would cost $0.30 a month each.
        type = "log", x = 0, y = 12, width = 12, height = 6
        properties = {
          title = "Memory per stage, MB", region = var.region, view = "table"
          query = join(" | ", concat(
            ["SOURCE ${join(" | SOURCE ", [for stage in local.states_of : "'${aws_cloudwatch_log_group.stage[stage].name}'"])}"],
            ["filter @type = 'REPORT'"],
            ["stats max(@memorySize / 1e6) as given, max(@maxMemoryUsed / 1e6) as most, pct(@maxMemoryUsed / 1e6, 95) as p95 by @log"],
          ))
        }
      },
      {
        type = "metric", x = 12, y = 12, width = 12, height = 6
        properties = {
          title = "Queue", region = var.region, stat = "Maximum", period = 300
          metrics = [
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.uploads.name],
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.uploads_dlq.name],
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.uploads.name, { yAxis = "right" }],
          ]
        }
      },
    ]
  })
}

resource "aws_budgets_budget" "monthly" {
  count = var.monthly_budget_usd > 0 ? 1 : 0

  name         = "${local.name}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # The tag must be activated once as a cost allocation tag in the billing console.
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:project$%s", var.project)]
  }

  dynamic "notification" {
    for_each = var.alert_email == "" ? [] : [80, 100]
    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = "ACTUAL"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = [var.alert_email]
    }
  }
}
