# What each role needs, and nothing else; docs/operations/deploying.md says what for. Attach the policies to the roles
# that run the processes.

locals {
  worker_folders = [local.store_folder, local.backups_folder, local.artifacts_folder]

  policies = {
    worker  = "Runs flows, or ragloop watch --index: reads documents, drains the queue, writes the store"
    watcher = "Runs ragloop watch: looks at the queue without receiving, and reads which sources are known"
    service = "Answers questions: reads the index and the adapters, and folds the log of answers into the store"
  }
}

data "aws_iam_policy_document" "documents" {
  statement {
    # On the whole bucket: a condition on the prefix would turn "not found" into "forbidden" for single objects.
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.documents.arn]
  }

  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.documents.arn}/${local.documents_folder}*"]
  }
}

data "aws_iam_policy_document" "look" {
  statement {
    actions   = ["sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.changes.arn]
  }
}

data "aws_iam_policy_document" "apply" {
  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    resources = [aws_sqs_queue.changes.arn]
  }

  statement {
    actions   = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
}

data "aws_iam_policy_document" "list_store" {
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.store.arn]
  }
}

data "aws_iam_policy_document" "read_store" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.store.arn}/${local.store_folder}/*"]
  }
}

data "aws_iam_policy_document" "read_artifacts" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.store.arn}/${local.artifacts_folder}/*"]
  }
}

data "aws_iam_policy_document" "write_store" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.store.arn}/${local.store_folder}/*"]
  }
}

data "aws_iam_policy_document" "write_all" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = [for folder in local.worker_folders : "${aws_s3_bucket.store.arn}/${folder}/*"]
  }
}

data "aws_iam_policy_document" "key" {
  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "role" {
  for_each = local.policies

  source_policy_documents = concat({
    worker = [
      data.aws_iam_policy_document.documents.json, data.aws_iam_policy_document.look.json,
      data.aws_iam_policy_document.apply.json, data.aws_iam_policy_document.write_all.json,
    ]
    watcher = [data.aws_iam_policy_document.look.json, data.aws_iam_policy_document.read_store.json]
    service = [data.aws_iam_policy_document.write_store.json, data.aws_iam_policy_document.read_artifacts.json]
  }[each.key], [data.aws_iam_policy_document.list_store.json, data.aws_iam_policy_document.key.json])
}

resource "aws_iam_policy" "role" {
  for_each    = local.policies
  name        = "${var.name}-${each.key}"
  description = each.value
  policy      = data.aws_iam_policy_document.role[each.key].json
  tags        = var.tags
}
