terraform {
  # optional() with a default came with 1.3, validations that refer to nothing but their variable need no newer one.
  required_version = ">= 1.5"

  required_providers {
    # There is no .terraform.lock.hcl here on purpose: its checksums are those of the platform that wrote it, and the
    # folder from which this module is used keeps one of its own. Version 5.100 is what the tests apply.
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
