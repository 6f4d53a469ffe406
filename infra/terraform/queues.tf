# What a bucket says of its changes, and what nobody could apply.

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-changes-dead"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = local.own_key ? null : true
  kms_master_key_id         = local.key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue" "changes" {
  name                      = "${var.name}-changes"
  message_retention_seconds = var.message_days * 24 * 60 * 60
  receive_wait_time_seconds = 20
  # Readers ask for as long as they need.
  visibility_timeout_seconds = 60
  sqs_managed_sse_enabled    = local.own_key ? null : true
  kms_master_key_id          = local.key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receives
  })
}

locals {
  queues = { changes = aws_sqs_queue.changes, dead_letters = aws_sqs_queue.dead_letters }
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  statement {
    sid       = "OnlyTLS"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

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
    for_each = each.key == "changes" ? [local.arns.documents] : []

    content {
      sid       = "Notifications"
      actions   = ["sqs:SendMessage"]
      resources = [each.value.arn]

      principals {
        type        = "Service"
        identifiers = ["s3.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }

      # The ARN of a bucket names no account; without this, the next owner of its name could write here.
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.here.account_id]
      }
    }
  }
}

resource "aws_sqs_queue_policy" "made" {
  for_each  = local.queues
  queue_url = each.value.id
  policy    = data.aws_iam_policy_document.queue[each.key].json
}

resource "aws_s3_bucket_notification" "documents" {
  count = contains(keys(local.made), "documents") || var.replace_notifications ? 1 : 0
  # S3 sends a test message at once, and refuses a queue that it may not write to.
  depends_on = [aws_sqs_queue_policy.made]
  bucket     = local.buckets.documents

  queue {
    queue_arn     = aws_sqs_queue.changes.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
    filter_prefix = local.documents_folder == "" ? null : local.documents_folder
  }
}
