# The documents lie in a bucket that others look after, encrypted with a key that they made. Its notifications are theirs
# too: they add one to the queue, as the last resource here does it.

variable "name" {
  description = "First part of every name."
  type        = string
}

variable "documents_bucket" {
  description = "The bucket of the documents."
  type        = string
}

variable "kms_key_arn" {
  description = "Its key."
  type        = string
}

provider "aws" {}

module "ragloop" {
  source = "../.."

  name             = var.name
  documents_prefix = "handbook"
  existing_buckets = { documents = var.documents_bucket }
  kms_key_arn      = var.kms_key_arn
}

# All the notifications of the bucket stand in one resource: add the queue to it where it is.
resource "aws_s3_bucket_notification" "documents" {
  bucket = var.documents_bucket

  queue {
    queue_arn     = module.ragloop.queue_arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
    filter_prefix = "handbook/"
  }
}

output "ragloop_toml" {
  description = "terraform output -raw ragloop_toml > ragloop.toml"
  value       = module.ragloop.ragloop_toml
}

output "policies" {
  description = "For the roles that the processes run as."
  value       = module.ragloop.policies
}

output "key_policy" {
  description = "What the policy of the key must also allow."
  value       = module.ragloop.key_policy
}
