variable "name" {
  description = "First part of the name of everything made here. Bucket names are shared by all of AWS: take one of your own."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$", var.name))
    error_message = "Expected 3 to 50 lower-case letters, digits and hyphens, with no hyphen at either end."
  }
}

variable "source_name" {
  description = "Name of the source in ragloop.toml."
  type        = string
  default     = "documents"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", var.source_name))
    error_message = "Expected up to 64 letters, digits, dots, underscores and hyphens, a letter or digit first."
  }
}

variable "documents_prefix" {
  description = "Folder of the documents in their bucket. Only changes under it are told to the queue; empty is the whole bucket."
  type        = string
  default     = "documents"

  validation {
    condition     = !startswith(var.documents_prefix, "/") && !endswith(var.documents_prefix, "/")
    error_message = "Expected a prefix without a slash at either end, such as handbook or teams/support."
  }
}

variable "existing_buckets" {
  description = "Names of buckets that are there already. Their versioning, encryption, lifecycle and policies stay theirs."
  type = object({
    documents = optional(string)
    store     = optional(string)
    backups   = optional(string)
  })
  default = {}
}

variable "replace_notifications" {
  description = "Whether an existing bucket of documents notifies the queue. This replaces all notifications of the bucket; without it, add one for `queue_arn` where they are kept."
  type        = bool
  default     = false
}

variable "create_key" {
  description = "Whether to make a key of KMS for the buckets and queues made here."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "An existing key for the buckets and queues made here. Its policy must allow the roles, and what `key_policy` says."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Expected the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "max_receives" {
  description = "A message that was received so often without being deleted goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 1000 && floor(var.max_receives) == var.max_receives
    error_message = "Expected a whole number from 1 to 1000."
  }
}

variable "message_days" {
  description = "Messages are kept this long (days). What a queue forgets, the next scheduled sync finds."
  type        = number
  default     = 4

  validation {
    condition     = var.message_days >= 1 && var.message_days <= 14
    error_message = "Expected 1 to 14 days, the most that SQS keeps."
  }
}

variable "old_version_days" {
  description = "Versions of documents that were replaced or deleted are kept this long (days)."
  type        = number
  default     = 30

  validation {
    condition     = var.old_version_days >= 1 && floor(var.old_version_days) == var.old_version_days
    error_message = "Expected a whole number of days, 1 at least."
  }
}

variable "backup_lock_days" {
  description = "No version of a backup's file is removed this long after it was written, nor this long after it was replaced or deleted (days). Erased text stays in old versions so long."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_lock_days >= 1 && floor(var.backup_lock_days) == var.backup_lock_days
    error_message = "Expected a whole number of days, 1 at least."
  }
}

variable "log_days" {
  description = "Access logs of the documents are kept this long (days)."
  type        = number
  default     = 90

  validation {
    condition     = var.log_days >= 1 && floor(var.log_days) == var.log_days
    error_message = "Expected a whole number of days, 1 at least."
  }
}

variable "alarm_topics" {
  description = "ARNs of SNS topics that hear of alarms, and of their end."
  type        = list(string)
  default     = []
}

variable "alarm_age_minutes" {
  description = "A change that waits longer than this in the queue is an alarm (minutes)."
  type        = number
  default     = 60

  validation {
    condition     = var.alarm_age_minutes >= 1
    error_message = "Expected 1 minute at least."
  }
}

variable "irsa" {
  description = "Makes a role for each service account of a cluster: the ARN of its OIDC provider, and the accounts by role."
  type = object({
    provider_arn     = string
    namespace        = optional(string, "prefect")
    service_accounts = optional(map(string), { worker = "ragloop", watcher = "ragloop-watcher", service = "ragloop-answers" })
  })
  default = null

  validation {
    condition     = var.irsa == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$", var.irsa.provider_arn))
    error_message = "Expected the ARN of a provider: arn:aws:iam::ACCOUNT:oidc-provider/ISSUER."
  }

  validation {
    condition     = var.irsa == null ? true : length(setsubtract(keys(var.irsa.service_accounts), ["worker", "watcher", "service"])) == 0
    error_message = "Expected service accounts of worker, watcher and service."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes buckets that hold objects, and with them documents, index and backups."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything made here."
  type        = map(string)
  default     = {}
}
