# Everything new: buckets, a key, queue and alarms, and roles for the service accounts of an EKS cluster.

variable "name" {
  description = "First part of every name."
  type        = string
}

variable "oidc_provider_arn" {
  description = "Of the cluster: aws_iam_openid_connect_provider, or the output oidc_provider_arn of the EKS module."
  type        = string
}

variable "alarm_topics" {
  description = "SNS topics that hear of alarms."
  type        = list(string)
  default     = []
}

provider "aws" {}

module "ragloop" {
  source = "../.."

  name             = var.name
  documents_prefix = "handbook"
  create_key       = true
  alarm_topics     = var.alarm_topics
  irsa             = { provider_arn = var.oidc_provider_arn }
}

output "ragloop_toml" {
  description = "terraform output -raw ragloop_toml > ragloop.toml"
  value       = module.ragloop.ragloop_toml
}

output "roles" {
  description = "For the annotations of the service accounts in infra/kubernetes."
  value       = module.ragloop.roles
}

output "key_arn" {
  description = "The key of buckets and queues."
  value       = module.ragloop.key_arn
}

output "dead_letters" {
  description = "What nobody could apply."
  value       = module.ragloop.dead_letters
}
