# Each function has a role with its own prefixes, tables and secrets. tests/infra compares the roles with the calls
# that handlers make: a missing permission fails, and so does an unused one.
locals {
  bucket_arn = aws_s3_bucket.recordings.arn
  table_arn  = aws_dynamodb_table.recordings.arn

  # A stage reads the artifacts of these stages. Its own is among them, because a result that exists is not made again.
  reads = {
    prepare    = ["prepare"]
    transcribe = ["prepare", "transcribe"]
    diarize    = ["prepare", "diarize"]
    cluster    = ["diarize", "cluster"]
    assemble   = ["prepare", "transcribe", "cluster", "assemble"]
    enrich     = ["assemble", "enrich"]
    publish    = ["prepare", "assemble", "enrich"]
  }
  writes = setsubtract(keys(local.reads), ["publish"]) # Publish writes no artifact, only documents

  artifact_statements = {
    for stage, sources in local.reads : stage => concat(
      [{
        sid       = "ReadArtifacts"
        actions   = ["s3:GetObject"]
        resources = [for source in sources : "${local.bucket_arn}/artifacts/*/${source}/*"]
      }],
      contains(local.writes, stage) ? [
        {
          sid       = "WriteArtifacts"
          actions   = ["s3:PutObject"]
          resources = ["${local.bucket_arn}/artifacts/*/${stage}/*"]
        },
        {
          # Without it, S3 answers 403 and not 404 for an artifact that does not exist yet.
          sid       = "KnowWhatIsNotThere"
          actions   = ["s3:ListBucket"]
          resources = [local.bucket_arn]
        },
      ] : [],
    )
  }

  # All objects of a recording lie under these prefixes.
  recording_objects = [for prefix in ["raw", "artifacts", "transcripts"] : "${local.bucket_arn}/${prefix}/*"]

  executions_arn = "${replace(local.machine_arns.standard, ":stateMachine:", ":execution:")}:*"

  # These permissions bring a failed execution to its record and to its owner.
  settle_statements = [
    { sid = "LookForUpload", actions = ["s3:GetObject"], resources = ["${local.bucket_arn}/raw/*"] },
    { sid = "KnowWhatIsNotThere", actions = ["s3:ListBucket"], resources = [local.bucket_arn] },
    { sid = "SettleRecord", actions = ["dynamodb:UpdateItem"], resources = [local.table_arn] },
    { sid = "ReadHistory", actions = ["states:GetExecutionHistory"], resources = [local.executions_arn] },
    { sid = "TellOwner", actions = ["sns:Publish"], resources = [aws_sns_topic.alerts.arn] },
  ]

  own_statements = {
    start = concat(
      [
        {
          sid       = "TakeMessages"
          actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          resources = [aws_sqs_queue.uploads.arn]
        },
        { sid = "StartExecutions", actions = ["states:StartExecution"], resources = [local.machine_arns.standard] },
      ],
      local.uses_express ? [
        { sid = "StartExpress", actions = ["states:StartExecution"], resources = [local.machine_arns.express] },
        { sid = "ReadClipLength", actions = ["s3:GetObject"], resources = ["${local.bucket_arn}/raw/*"] },
        { sid = "KnowWhatWasDeleted", actions = ["s3:ListBucket"], resources = [local.bucket_arn] },
      ] : [],
    )
    api = [
      { sid = "CheckKeys", actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.keys.arn] },
      {
        sid       = "KeepRecords"
        actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        resources = [local.table_arn]
      },
      {
        sid       = "ListRecords"
        actions   = ["dynamodb:Query"]
        resources = [for index in setsubtract(keys(local.recordings.indexes), ["OpenIndex"]) : "${local.table_arn}/index/${index}"]
      },
      {
        sid       = "TakeUploads"
        actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        resources = ["${local.bucket_arn}/raw/*"]
      },
      {
        sid       = "ReadAndRename"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = ["${local.bucket_arn}/transcripts/*"]
      },
      {
        sid       = "DeleteRecordings"
        actions   = ["s3:DeleteObjectVersion"]
        resources = local.recording_objects
      },
      { sid = "KnowWhatIsThere", actions = ["s3:ListBucket", "s3:ListBucketVersions"], resources = [local.bucket_arn] },
      {
        sid       = "StopWork"
        actions   = ["states:DescribeExecution", "states:StopExecution"]
        resources = [local.executions_arn]
      },
    ]
    status = concat(local.settle_statements, [
      { sid = "ReadRecord", actions = ["dynamodb:GetItem"], resources = [local.table_arn] },
    ])
    sweep = concat(local.settle_statements, [
      { sid = "ReadRecord", actions = ["dynamodb:GetItem"], resources = [local.table_arn] },
      { sid = "FindOpenRecords", actions = ["dynamodb:Query"], resources = ["${local.table_arn}/index/OpenIndex"] },
      { sid = "AskExecutions", actions = ["states:DescribeExecution"], resources = [local.executions_arn] },
      { sid = "EraseDeleted", actions = ["s3:DeleteObjectVersion"], resources = local.recording_objects },
      { sid = "KnowWhatIsThere", actions = ["s3:ListBucketVersions"], resources = [local.bucket_arn] },
      { sid = "EraseRecords", actions = ["dynamodb:DeleteItem"], resources = [local.table_arn] },
      { sid = "SendAgain", actions = ["sqs:SendMessage"], resources = [aws_sqs_queue.uploads.arn] },
    ])
    prepare = [
      { sid = "ReadUploads", actions = ["s3:GetObject"], resources = ["${local.bucket_arn}/raw/*"] },
      { sid = "AdvanceRecord", actions = ["dynamodb:UpdateItem"], resources = [local.table_arn] },
    ]
    assemble = [
      { sid = "WriteTranscript", actions = ["s3:PutObject"], resources = ["${local.bucket_arn}/transcripts/*"] },
      { sid = "AdvanceRecord", actions = ["dynamodb:UpdateItem"], resources = [local.table_arn] },
    ]
    enrich = var.use_openai ? [
      {
        sid       = "ReadOpenAiKey"
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [aws_secretsmanager_secret.openai[0].arn]
      },
    ] : []
    publish = [
      { sid = "WriteTranscript", actions = ["s3:PutObject"], resources = ["${local.bucket_arn}/transcripts/*"] },
      { sid = "ReadRecord", actions = ["dynamodb:GetItem"], resources = [local.table_arn] },
      { sid = "AdvanceRecord", actions = ["dynamodb:UpdateItem"], resources = [local.table_arn] },
    ]
  }
}

resource "aws_iam_role" "stage" {
  for_each = local.stages

  name               = local.function_names[each.key]
  assume_role_policy = data.aws_iam_policy_document.assume["lambda"].json
}

resource "aws_iam_role_policy" "stage" {
  for_each = local.stages

  name   = "stage"
  role   = aws_iam_role.stage[each.key].id
  policy = data.aws_iam_policy_document.stage[each.key].json
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["lambda", "states"])

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "stage" {
  for_each = local.stages

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.stage[each.key].arn}:*"]
  }

  statement {
    sid       = "Traces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"] # X-Ray has no resources to name
  }

  dynamic "statement" {
    for_each = var.use_kms ? [local.kms_key_arn] : []
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = concat(
      lookup(local.artifact_statements, each.key, []),
      lookup(local.own_statements, each.key, []),
    )
    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role" "machine" {
  name               = "${local.name}-recording"
  assume_role_policy = data.aws_iam_policy_document.assume["states"].json
}

resource "aws_iam_role_policy" "machine" {
  name   = "machine"
  role   = aws_iam_role.machine.id
  policy = data.aws_iam_policy_document.machine.json
}

data "aws_iam_policy_document" "machine" {
  statement {
    sid       = "Stages"
    actions   = ["lambda:InvokeFunction"]
    resources = [for stage in local.states_of : local.function_arns[stage]]
  }

  statement {
    sid = "Logs"
    actions = [
      "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
      "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
    ]
    resources = ["*"] # log delivery has no resources to name
  }

  statement {
    sid       = "Traces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
    resources = ["*"]
  }
}
