locals {
  recordings = local.resources.tables.recordings
}

# One bucket has three prefixes: raw/ for uploads, artifacts/ for results of stages, transcripts/ for documents.
resource "aws_s3_bucket" "recordings" {
  bucket        = "${local.name}-recordings-${local.account_id}-${var.region}"
  force_destroy = !local.is_prod
}

resource "aws_s3_bucket_public_access_block" "recordings" {
  bucket                  = aws_s3_bucket.recordings.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "recordings" {
  bucket = aws_s3_bucket.recordings.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "recordings" {
  bucket = aws_s3_bucket.recordings.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "recordings" {
  bucket = aws_s3_bucket.recordings.id

  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.use_kms ? "aws:kms" : "AES256"
      kms_master_key_id = local.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "recordings" {
  bucket     = aws_s3_bucket.recordings.id
  depends_on = [aws_s3_bucket_versioning.recordings]

  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  dynamic "rule" {
    for_each = {
      for prefix, days in { raw = var.raw_retention_days, artifacts = var.artifact_retention_days } :
      prefix => days if days > 0
    }
    content {
      id     = "expire-${rule.key}"
      status = "Enabled"
      filter {
        prefix = "${rule.key}/"
      }
      expiration {
        days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "recordings" {
  bucket     = aws_s3_bucket.recordings.id
  policy     = data.aws_iam_policy_document.tls_only.json
  depends_on = [aws_s3_bucket_public_access_block.recordings]
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.recordings.arn, "${aws_s3_bucket.recordings.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_dynamodb_table" "recordings" {
  name                        = "${local.name}-recordings"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = local.recordings.partition_key
  range_key                   = local.recordings.sort_key
  deletion_protection_enabled = local.is_prod

  dynamic "attribute" {
    for_each = toset(flatten([
      for keys in concat([local.recordings], values(local.recordings.indexes)) : [keys.partition_key, keys.sort_key]
    ]))
    content {
      name = attribute.key
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = local.recordings.indexes
    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.partition_key
      range_key       = global_secondary_index.value.sort_key
      projection_type = "ALL"
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.use_kms
    kms_key_arn = local.kms_key_arn
  }
}

# The table holds hashes of the API's keys; `rem keys add` makes a key and shows it once.
resource "aws_dynamodb_table" "keys" {
  name                        = "${local.name}-keys"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = local.resources.tables.keys.partition_key
  deletion_protection_enabled = local.is_prod

  attribute {
    name = local.resources.tables.keys.partition_key
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.use_kms
    kms_key_arn = local.kms_key_arn
  }
}

# A person puts the value in (`aws secretsmanager put-secret-value`), so no state file holds it.
resource "aws_secretsmanager_secret" "openai" {
  count = var.use_openai ? 1 : 0

  name                    = "${local.name}/openai-api-key"
  description             = "API key with which Enrich calls OpenAI."
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = local.is_prod ? 30 : 0
}

resource "aws_ecr_repository" "image" {
  for_each = local.images

  name                 = "${local.name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !local.is_prod

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  for_each = local.images

  repository = aws_ecr_repository.image[each.key].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the image that runs and two earlier ones"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 3 }
      action       = { type = "expire" }
    }]
  })
}
