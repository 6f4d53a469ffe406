# A bucket of documents that tells a queue of its changes, and a bucket for what ragloop makes of them.
#
#   NAME-documents/PREFIX/   the source
#   NAME-store/store/        the database and its leases (`store` in ragloop.toml)
#   NAME-store/backups/      copies of the database
#   NAME-store/artifacts/    datasets, adapters and evaluations (`artifacts` in ragloop.toml; without it they lie in `home`)
#   NAME-store/logs/         who asked for which document, as S3 logs it

data "aws_caller_identity" "here" {}

locals {
  documents_folder = var.documents_prefix == "" ? "" : "${var.documents_prefix}/"
  store_folder     = "store"
  backups_folder   = "backups"
  artifacts_folder = "artifacts"
  logs_folder      = "logs"

  buckets = {
    documents = aws_s3_bucket.documents.id
    store     = aws_s3_bucket.store.id
  }
}

# ---- buckets --------------------------------------------------------------------------------------------------------

resource "aws_s3_bucket" "documents" {
  bucket        = "${var.name}-documents"
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket" "store" {
  bucket        = "${var.name}-store"
  force_destroy = var.force_destroy
  tags          = var.tags
}

# The store keeps versions of its own. Versions of S3 would keep what an erasure has removed, and so it has none.
resource "aws_s3_bucket_versioning" "documents" {
  bucket = aws_s3_bucket.documents.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "all" {
  for_each = local.buckets
  bucket   = each.value

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "all" {
  for_each = local.buckets
  bucket   = each.value

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "documents" {
  depends_on = [aws_s3_bucket_versioning.documents]
  bucket     = aws_s3_bucket.documents.id

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# Nothing expires under store/ and backups/: files of a table are shared by its versions, and only ragloop knows which
# are still needed.
resource "aws_s3_bucket_lifecycle_configuration" "store" {
  bucket = aws_s3_bucket.store.id

  rule {
    id     = "logs"
    status = "Enabled"

    filter {
      prefix = "${local.logs_folder}/"
    }

    expiration {
      days = var.log_days
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# ---- access logs ----------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "log_delivery" {
  statement {
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.store.arn}/${local.logs_folder}/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.documents.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

resource "aws_s3_bucket_policy" "store" {
  depends_on = [aws_s3_bucket_public_access_block.all]
  bucket     = aws_s3_bucket.store.id
  policy     = data.aws_iam_policy_document.log_delivery.json
}

resource "aws_s3_bucket_logging" "documents" {
  depends_on    = [aws_s3_bucket_policy.store]
  bucket        = aws_s3_bucket.documents.id
  target_bucket = aws_s3_bucket.store.id
  target_prefix = "${local.logs_folder}/"
}

# ---- changes --------------------------------------------------------------------------------------------------------

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-changes-dead"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue" "changes" {
  name                      = "${var.name}-changes"
  message_retention_seconds = var.message_days * 24 * 60 * 60
  receive_wait_time_seconds = 20
  # Readers ask for as long as they need.
  visibility_timeout_seconds = 60
  sqs_managed_sse_enabled    = true
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receives
  })
}

data "aws_iam_policy_document" "notify" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.changes.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.documents.arn]
    }

    # The ARN of a bucket names no account; without this, the next owner of its name could write here.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

resource "aws_sqs_queue_policy" "changes" {
  queue_url = aws_sqs_queue.changes.id
  policy    = data.aws_iam_policy_document.notify.json
}

resource "aws_s3_bucket_notification" "documents" {
  # S3 sends a test message at once, and refuses a queue that it may not write to.
  depends_on = [aws_sqs_queue_policy.changes]
  bucket     = aws_s3_bucket.documents.id

  queue {
    queue_arn     = aws_sqs_queue.changes.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
    filter_prefix = local.documents_folder == "" ? null : local.documents_folder
  }
}
