output "ragloop_toml" {
  description = "Lines for ragloop.toml: terraform output -raw ragloop_toml >> ragloop.toml, before its first table."
  value       = <<-EOT
    store = "s3://${aws_s3_bucket.store.id}/${local.store_folder}"

    [[sources]]
    name = "${var.source_name}"
    uri = "s3://${aws_s3_bucket.documents.id}${var.documents_prefix == "" ? "" : "/${var.documents_prefix}"}"
    queue = "${aws_sqs_queue.changes.id}"
  EOT
}

output "backups" {
  description = "Where copies of the store belong."
  value       = "s3://${aws_s3_bucket.store.id}/${local.backups_folder}"
}

output "artifacts" {
  description = "Where jobs keep what must outlive their disk."
  value       = "s3://${aws_s3_bucket.store.id}/${local.artifacts_folder}"
}

output "dead_letters" {
  description = "The queue of messages that are none of S3's, or that nobody could apply."
  value       = aws_sqs_queue.dead_letters.id
}

output "policies" {
  description = "ARNs of the policies by role: worker, watcher, service."
  value       = { for role, policy in aws_iam_policy.role : role => policy.arn }
}
