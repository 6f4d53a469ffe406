# What each role needs, and nothing else; docs/operations/deploying.md says what for. With `irsa` the roles are made too;
# otherwise attach the policies to those that the processes run as.

locals {
  policies = {
    worker  = "Runs flows, or ragloop watch --index: reads documents, drains the queue, writes the store and backups"
    watcher = "Runs ragloop watch: looks at the queue without receiving, and reads which sources are known"
    service = "Answers questions: reads the index and the adapters, and folds the log of answers into the store"
  }
}

data "aws_iam_policy_document" "list" {
  for_each = local.arns

  statement {
    # On the whole bucket: a condition on the prefix would turn "not found" into "forbidden" for single objects.
    actions   = ["s3:ListBucket"]
    resources = [each.value]
  }
}

data "aws_iam_policy_document" "read_documents" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${local.arns.documents}/${local.documents_folder}*"]
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

data "aws_iam_policy_document" "read" {
  for_each = local.places

  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${each.value}/*"]
  }
}

data "aws_iam_policy_document" "write" {
  for_each = local.places

  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${each.value}/*"]
  }
}

data "aws_iam_policy_document" "end_uploads" {
  statement {
    actions   = ["s3:AbortMultipartUpload"]
    resources = [for place in local.places : "arn:${data.aws_partition.here.partition}:s3:::${place}/*"]
  }
}

data "aws_iam_policy_document" "use_key" {
  for_each = { read = ["kms:Decrypt"], write = ["kms:Decrypt", "kms:GenerateDataKey"] }

  dynamic "statement" {
    for_each = local.own_key ? [local.key_arn] : []

    content {
      actions   = each.value
      resources = [statement.value]
    }
  }
}

locals {
  list      = data.aws_iam_policy_document.list
  read      = data.aws_iam_policy_document.read
  write     = data.aws_iam_policy_document.write
  use_key   = data.aws_iam_policy_document.use_key
  documents = data.aws_iam_policy_document.read_documents

  parts = {
    worker = [
      local.list["documents"], local.documents, data.aws_iam_policy_document.look, data.aws_iam_policy_document.apply,
      local.list["store"], local.write["store"], local.write["artifacts"],
      local.list["backups"], local.write["backups"], data.aws_iam_policy_document.end_uploads, local.use_key["write"],
    ]
    watcher = [data.aws_iam_policy_document.look, local.list["store"], local.read["store"], local.use_key["read"]]
    service = [local.list["store"], local.write["store"], local.read["artifacts"], local.use_key["write"]]
  }
}

data "aws_iam_policy_document" "role" {
  for_each                = local.policies
  source_policy_documents = [for part in local.parts[each.key] : part.json]
}

resource "aws_iam_policy" "role" {
  for_each    = local.policies
  name        = "${var.name}-${each.key}"
  description = each.value
  policy      = data.aws_iam_policy_document.role[each.key].json
  tags        = var.tags
}

# ---- roles of service accounts (IRSA) -------------------------------------------------------------------------------

locals {
  accounts = var.irsa == null ? {} : var.irsa.service_accounts
  # arn:aws:iam::ACCOUNT:oidc-provider/ISSUER
  issuer = var.irsa == null ? "" : split("oidc-provider/", var.irsa.provider_arn)[1]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.accounts

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.irsa.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${var.irsa.namespace}:${each.value}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "account" {
  for_each           = local.accounts
  name               = "${var.name}-${each.key}"
  description        = local.policies[each.key]
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "account" {
  for_each   = local.accounts
  role       = aws_iam_role.account[each.key].name
  policy_arn = aws_iam_policy.role[each.key].arn
}
