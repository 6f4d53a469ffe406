locals {
  settings = {
    store     = "s3://${local.places.store}"
    artifacts = "s3://${local.places.artifacts}"
    backup    = "s3://${local.places.backups}"
    documents = "s3://${local.buckets.documents}${var.documents_prefix == "" ? "" : "/${var.documents_prefix}"}"
  }
}

output "ragloop_toml" {
  description = "Lines for ragloop.toml: as a file of their own, or above the first table of one."
  # One line for each setting, and no table: so they may stand above and below what `ragloop init` writes.
  value = <<-EOT
    store = "${local.settings.store}"
    artifacts = "${local.settings.artifacts}"
    backup.uri = "${local.settings.backup}"
    sources = [{name = "${var.source_name}", uri = "${local.settings.documents}", queue = "${aws_sqs_queue.changes.id}"}]
  EOT
}

output "buckets" {
  description = "Names of the buckets: documents, store, backups."
  value       = local.buckets
}

output "queue_arn" {
  description = "The queue of changes, for the notifications of a bucket that was there."
  value       = aws_sqs_queue.changes.arn
  # S3 refuses a queue that it may not write to.
  depends_on = [aws_sqs_queue_policy.made]
}

output "dead_letters" {
  description = "The queue of messages that are none of S3's, or that nobody could apply."
  value       = aws_sqs_queue.dead_letters.id
}

output "key_arn" {
  description = "The key of buckets and queues; null where those of S3 and SQS encrypt."
  value       = local.key_arn
}

output "key_policy" {
  description = "What the policy of a key that was there must also allow, so that S3 can write to the queue."
  value       = data.aws_iam_policy_document.notifications_use_the_key.json
}

output "policies" {
  description = "ARNs of the policies by role: worker, watcher, service."
  value       = { for role, policy in aws_iam_policy.role : role => policy.arn }
}

output "roles" {
  description = "ARNs of the roles of service accounts (irsa), for the annotation eks.amazonaws.com/role-arn."
  value       = { for role, made in aws_iam_role.account : role => made.arn }
}

output "alarms" {
  description = "Names of the alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.made : alarm.alarm_name]
}
