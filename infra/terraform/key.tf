# The key of the buckets and queues: one that is made here, one that is there, or those of S3 and SQS.

locals {
  own_key = var.create_key || var.kms_key_arn != null
  key_arn = var.create_key ? aws_kms_key.own[0].arn : var.kms_key_arn
}

# S3 encrypts what it writes to the queue. A key that is there already must allow that as well: `key_policy`.
data "aws_iam_policy_document" "notifications_use_the_key" {
  statement {
    sid       = "RagloopNotifications"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

data "aws_iam_policy_document" "key" {
  source_policy_documents = [data.aws_iam_policy_document.notifications_use_the_key.json]

  # The policies of the account decide who else uses the key, as with every key that AWS makes by default.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.here.partition}:iam::${data.aws_caller_identity.here.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "own" {
  count               = var.create_key ? 1 : 0
  description         = "Documents, store, backups and queues of ${var.name}"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
  tags                = var.tags
}
