# A function per entry of stages.yaml, and two state machines from one definition.
locals {
  model_settings = ["whisper_model", "diarization_model"] # the image holds the model under the last part of its name

  shared_environment = merge(local.resources.environment, {
    REM_BUCKET                   = aws_s3_bucket.recordings.id
    REM_TABLE                    = aws_dynamodb_table.recordings.name
    POWERTOOLS_SERVICE_NAME      = local.name
    POWERTOOLS_METRICS_NAMESPACE = "REM"
  })
  # Variables of single functions beside their settings.
  stage_environment = {
    start = merge(
      { REM_STATE_MACHINE_ARN = local.machine_arns.standard },
      local.uses_express ? { REM_EXPRESS_MACHINE_ARN = local.machine_arns.express } : {},
    )
    api = {
      REM_STATE_MACHINE_ARN = local.machine_arns.standard
      REM_KEYS_TABLE        = aws_dynamodb_table.keys.name
    }
    status = {
      REM_STATE_MACHINE_ARN = local.machine_arns.standard
      REM_TOPIC_ARN         = aws_sns_topic.alerts.arn
    }
    sweep = {
      REM_STATE_MACHINE_ARN = local.machine_arns.standard
      REM_TOPIC_ARN         = aws_sns_topic.alerts.arn
      REM_QUEUE_URL         = aws_sqs_queue.uploads.url
    }
    enrich = var.use_openai ? { REM_OPENAI_SECRET = aws_secretsmanager_secret.openai[0].name } : {}
  }
  settings_environment = {
    for stage, config in local.stages : stage => {
      for setting, value in config.settings : "REM_${upper(setting)}" =>
      contains(local.model_settings, setting) ? "/opt/models/${basename(value)}" : tostring(value)
    }
  }

  definition_file = "${path.module}/../statemachine/recording.asl.json"
  definition      = templatefile(local.definition_file, local.function_arns)
  states_of = distinct([
    for match in regexall("\"FunctionName\": *\"\\$\\{(\\w+)\\}\"", file(local.definition_file)) : match[0]
  ])
  uses_express    = local.stages.start.settings.express_max_s > 0
  express_limit_s = 290 # AWS ends Express after 300 s; an own limit before that names the error States.Timeout
  definitions = {
    standard = local.definition
    express  = jsonencode(merge(jsondecode(local.definition), { TimeoutSeconds = local.express_limit_s }))
  }
}

# The log groups are made before the functions: Lambda would make them without a retention.
resource "aws_cloudwatch_log_group" "stage" {
  for_each = local.stages

  name              = "/aws/lambda/${local.function_names[each.key]}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "stage" {
  for_each   = local.stages
  depends_on = [aws_iam_role_policy.stage]

  function_name = local.function_names[each.key]
  description   = "REM: ${each.key}"
  role          = aws_iam_role.stage[each.key].arn
  package_type  = "Image"
  image_uri     = "${aws_ecr_repository.image[each.value.image].repository_url}:${lookup(var.image_tags, each.value.image, "none")}"
  architectures = [var.architecture]
  memory_size   = each.value.memory_mb
  timeout       = each.value.timeout_s

  ephemeral_storage {
    size = each.value.storage_mb
  }

  image_config {
    command = [each.value.handler]
  }

  environment {
    variables = merge(
      local.shared_environment,
      lookup(local.stage_environment, each.key, {}),
      local.settings_environment[each.key],
    )
  }

  tracing_config {
    mode = "Active"
  }

  # The format is Text because handlers write JSON lines themselves, also for metrics (EMF).
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.stage[each.key].name
  }

  tags = { stage = each.key }
}

resource "aws_cloudwatch_log_group" "machine" {
  for_each = local.machine_names

  name              = "/aws/vendedlogs/states/${each.value}" # under this prefix the resource policy for logs need not grow
  retention_in_days = var.log_retention_days
}

resource "aws_sfn_state_machine" "recording" {
  for_each   = local.machine_names
  depends_on = [aws_iam_role_policy.machine, aws_lambda_function.stage]

  name       = each.value
  type       = upper(each.key)
  role_arn   = aws_iam_role.machine.arn
  definition = local.definitions[each.key]

  # The history of an Express execution exists only as logs. They leave out execution data: who recorded, and when.
  logging_configuration {
    level                  = each.key == "express" ? "ALL" : "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.machine[each.key].arn}:*"
  }

  tracing_configuration {
    enabled = true
  }
}
