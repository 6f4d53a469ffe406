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

variable "kms_key_arn" {
  description = "Key that encrypts both buckets; without one, the keys of S3 do. The roles are allowed to use it, and its own policy must allow that too."
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

variable "log_days" {
  description = "Access logs of the documents are kept this long (days)."
  type        = number
  default     = 90

  validation {
    condition     = var.log_days >= 1 && floor(var.log_days) == var.log_days
    error_message = "Expected a whole number of days, 1 at least."
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
