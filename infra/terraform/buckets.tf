# Four buckets, of which three may be there already (`existing_buckets`):
#
#   documents/PREFIX/          the source; it notifies the queue of its changes
#   store/store/               the database and its leases (`store` in ragloop.toml)
#   store/artifacts/           datasets, adapters and evaluations (`artifacts`)
#   backups/ragloop/           copies of both (`backup.uri`), which no role made here can remove for good
#   logs/                      who asked for which document, as S3 logs it; only where the documents' bucket is made here
#
# A bucket that was there keeps its own versioning, encryption, lifecycle and policy: nothing here changes them.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}

locals {
  kept = { for use, name in var.existing_buckets : use => name if name != null }
  made = { for use in ["documents", "store", "backups", "logs"] : use => "${var.name}-${use}"
  if !contains(keys(local.kept), use) && (use != "logs" || !contains(keys(local.kept), "documents")) }

  buckets = { for use in ["documents", "store", "backups"] : use =>
  contains(keys(local.kept), use) ? local.kept[use] : aws_s3_bucket.made[use].id }
  arns = { for use, name in local.buckets : use => "arn:${data.aws_partition.here.partition}:s3:::${name}" }

  documents_folder = var.documents_prefix == "" ? "" : "${var.documents_prefix}/"
  old_version_days = { documents = var.old_version_days, backups = var.backup_lock_days }

  places = {
    store     = "${local.buckets.store}/store"
    artifacts = "${local.buckets.store}/artifacts"
    backups   = "${local.buckets.backups}/ragloop"
  }
}

resource "aws_s3_bucket" "made" {
  for_each            = local.made
  bucket              = each.value
  force_destroy       = var.force_destroy
  object_lock_enabled = each.key == "backups"
  tags                = var.tags
}

# The store keeps versions of its own. Versions of S3 would keep what an erasure has removed, and so it has none.
resource "aws_s3_bucket_versioning" "made" {
  for_each = setintersection(keys(local.made), keys(local.old_version_days))
  bucket   = aws_s3_bucket.made[each.value].id

  versioning_configuration {
    status = "Enabled"
  }
}

# A worker removes old backups by markers, below which the versions stay. Until the lock ends nobody removes a version
# who has not the right to bypass governance; no role here has it, nor that to remove a version at all.
resource "aws_s3_bucket_object_lock_configuration" "backups" {
  count      = contains(keys(local.made), "backups") ? 1 : 0
  depends_on = [aws_s3_bucket_versioning.made]
  bucket     = aws_s3_bucket.made["backups"].id

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.backup_lock_days
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "made" {
  for_each = local.made
  bucket   = aws_s3_bucket.made[each.key].id

  # S3 delivers no access logs to a bucket that is encrypted with a key of KMS.
  rule {
    bucket_key_enabled = local.own_key && each.key != "logs"

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.own_key && each.key != "logs" ? "aws:kms" : "AES256"
      kms_master_key_id = each.key == "logs" ? null : local.key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "made" {
  for_each = local.made
  bucket   = aws_s3_bucket.made[each.key].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# ---- what expires ---------------------------------------------------------------------------------------------------

# Nothing current expires in store and backups: files of a table are shared by its versions, and only ragloop knows which
# are still needed.
resource "aws_s3_bucket_lifecycle_configuration" "made" {
  for_each   = local.made
  depends_on = [aws_s3_bucket_versioning.made]
  bucket     = aws_s3_bucket.made[each.key].id

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = { for use, days in local.old_version_days : use => days if use == each.key }

    content {
      id     = "old-versions"
      status = "Enabled"
      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }

      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [var.log_days] : []

    content {
      id     = "logs"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }
}

# ---- policies -------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "bucket" {
  for_each = local.made

  statement {
    sid       = "OnlyTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.made[each.key].arn, "${aws_s3_bucket.made[each.key].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? [aws_s3_bucket.made["documents"].arn] : []

    content {
      sid       = "LogDelivery"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.made["logs"].arn}/*"]

      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.here.account_id]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "made" {
  for_each   = local.made
  depends_on = [aws_s3_bucket_public_access_block.made]
  bucket     = aws_s3_bucket.made[each.key].id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
}

resource "aws_s3_bucket_logging" "documents" {
  count         = contains(keys(local.made), "documents") ? 1 : 0
  depends_on    = [aws_s3_bucket_policy.made]
  bucket        = aws_s3_bucket.made["documents"].id
  target_bucket = aws_s3_bucket.made["logs"].id
  target_prefix = ""
}
