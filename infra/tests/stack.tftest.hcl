# The provider is mocked, so the tests need no account and no network; they check what Terraform itself computes.
mock_provider "aws" {
  override_during = plan # ARNs are known at plan, so assertions may use what follows from them

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

run "tuning_reaches_the_functions" {
  command = plan

  assert {
    condition = alltrue([
      for stage, function in aws_lambda_function.stage :
      function.memory_size == local.stages[stage].memory_mb && function.timeout == local.stages[stage].timeout_s
      && function.ephemeral_storage[0].size == local.stages[stage].storage_mb
    ])
    error_message = "memory, time and storage must be those of stages.yaml"
  }
  assert {
    condition     = toset(keys(aws_lambda_function.stage)) == toset(keys(local.stages))
    error_message = "there must be one function per entry of stages.yaml"
  }
  assert {
    condition     = aws_lambda_function.stage["transcribe"].environment[0].variables.REM_WHISPER_MODEL == "/opt/models/${local.stages.transcribe.settings.whisper_model}"
    error_message = "a model setting must become the folder that the image has"
  }
  assert {
    condition     = aws_lambda_function.stage["diarize"].environment[0].variables.HF_HUB_OFFLINE == "1"
    error_message = "no function may ask a model hub at run time"
  }
}

run "defaults_fit_a_new_account" {
  command = plan

  assert {
    condition     = alltrue([for function in aws_lambda_function.stage : function.memory_size <= 3008 && function.timeout <= 900])
    error_message = "a new account allows 3,008 MB; Lambda allows 900 s"
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.stage : length(function.vpc_config) == 0])
    error_message = "functions must be in no VPC: a NAT gateway alone costs $32 a month"
  }
  assert {
    condition     = length(aws_kms_key.main) == 0 && length(aws_budgets_budget.monthly) == 0 && length(aws_sns_topic_subscription.email) == 0
    error_message = "key, budget and e-mail must be optional"
  }
}

run "one_definition_makes_both_machines" {
  command = plan

  assert {
    condition     = aws_sfn_state_machine.recording["standard"].type == "STANDARD" && aws_sfn_state_machine.recording["express"].type == "EXPRESS"
    error_message = "there must be one machine of each type"
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.recording["express"].definition).States == jsondecode(aws_sfn_state_machine.recording["standard"].definition).States
    error_message = "both machines must have the same states"
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.recording["express"].definition).TimeoutSeconds < 300
    error_message = "Express ends after 300 s; our own limit must come first"
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.recording["standard"].definition).States.Prepare.Parameters.FunctionName == "arn:aws:lambda:us-east-1:123456789012:function:rem-dev-prepare"
    error_message = "a placeholder must become the function's ARN"
  }
  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.recording : !machine.logging_configuration[0].include_execution_data])
    error_message = "execution data (who, when) must not be logged"
  }
}

run "express_has_ended_before_it_is_swept" {
  command = plan

  assert {
    condition     = local.stages.sweep.settings.stale_after_s > 300
    error_message = "Express runs for up to 300 s and cannot be asked: a sweep before that would start a second run"
  }
}

run "queue_waits_long_enough_and_gives_up_late" {
  command = plan

  assert {
    condition     = aws_sqs_queue.uploads.visibility_timeout_seconds >= 6 * aws_lambda_function.stage["start"].timeout
    error_message = "the visibility timeout must be six times the starter's timeout"
  }
  assert {
    condition     = aws_sqs_queue.uploads_dlq.message_retention_seconds > aws_sqs_queue.uploads.message_retention_seconds
    error_message = "the dead-letter queue must keep messages longer than the queue"
  }
  assert {
    condition     = contains(aws_lambda_event_source_mapping.start.function_response_types, "ReportBatchItemFailures")
    error_message = "one bad message must not hold back its neighbours"
  }
}

run "every_stage_has_permissions_of_its_own" {
  command = plan

  assert {
    condition     = toset(keys(aws_iam_role.stage)) == toset(keys(local.stages))
    error_message = "there must be one role per function"
  }
  assert {
    condition = alltrue([
      for stage in keys(local.stages) : length(concat(lookup(local.artifact_statements, stage, []), lookup(local.own_statements, stage, []))) > 0
    ])
    error_message = "a stage without an entry in iam.tf may do nothing"
  }
  assert {
    condition = alltrue(flatten([
      for statements in [local.artifact_statements, local.own_statements] : [
        for stage, rules in statements : [for rule in rules : [for action in rule.actions : !endswith(action, "*")]]
      ]
    ]))
    error_message = "no action may hold a wildcard"
  }
}

run "every_route_of_the_openapi_document_reaches_the_function" {
  command = plan

  assert {
    condition     = toset(keys(jsondecode(aws_api_gateway_rest_api.main.body).paths)) == toset(keys(local.openapi.paths))
    error_message = "the API must have every route of docs/openapi.json"
  }
  assert {
    condition = alltrue(flatten([
      for path, operations in jsondecode(aws_api_gateway_rest_api.main.body).paths : [
        for operation in operations : endswith(operation.x-amazon-apigateway-integration.uri, "function:rem-dev-api/invocations")
      ]
    ]))
    error_message = "every route must lead to the function api"
  }
  assert {
    condition     = contains(jsondecode(aws_api_gateway_rest_api.main.body)["x-amazon-apigateway-binary-media-types"], "multipart/form-data")
    error_message = "sound in a form must not be read as text"
  }
}

run "alarms_reach_somebody" {
  command = plan
  variables {
    alert_email = "owner@example.com"
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "owner@example.com"
    error_message = "the address must be subscribed"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.alarm : length(alarm.alarm_actions) == 1])
    error_message = "an alarm without an action is none"
  }
}

run "own_key_and_budget" {
  command = plan
  variables {
    use_kms            = true
    monthly_budget_usd = 10
    alert_email        = "owner@example.com"
  }

  assert {
    condition     = aws_sqs_queue.uploads.kms_data_key_reuse_period_seconds == 300 && length(aws_kms_key.main) == 1
    error_message = "the queue must use the own key"
  }
  assert {
    condition     = aws_kms_key.main[0].enable_key_rotation
    error_message = "the key must rotate"
  }
  assert {
    condition     = length(aws_budgets_budget.monthly[0].notification) == 2
    error_message = "the budget must tell at 80 and at 100 %"
  }
}

run "openai_is_a_choice" {
  command = plan
  variables {
    use_openai = true
  }

  assert {
    condition     = aws_lambda_function.stage["enrich"].environment[0].variables.REM_OPENAI_SECRET == "rem-dev/openai-api-key"
    error_message = "Enrich, and no other function, must know the secret"
  }
  assert {
    condition = alltrue([
      for stage, function in aws_lambda_function.stage : stage == "enrich" || !contains(keys(function.environment[0].variables), "REM_OPENAI_SECRET")
    ])
    error_message = "Enrich, and no other function, must know the secret"
  }
}

run "prod_keeps_its_data" {
  command = plan
  variables {
    environment = "prod"
  }

  assert {
    condition     = !aws_s3_bucket.recordings.force_destroy && aws_dynamodb_table.recordings.deletion_protection_enabled
    error_message = "prod must not be deleted by accident"
  }
}

run "environment_name_is_checked" {
  command = plan
  variables {
    environment = "My Env"
  }
  expect_failures = [var.environment]
}
