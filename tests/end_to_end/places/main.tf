# Consumers of one name in two Regions whose functions share a role, and one that uses a table from elsewhere. The
# functions do not exist: without a queue, nothing reads their ARNs.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

provider "aws" {}

provider "aws" {
  alias  = "other"
  region = "us-east-1"
}

variable "account" {
  description = "The account of the stack."
  type        = string
}

variable "name" {
  description = "The name of the consumer in the first Region."
  type        = string
  default     = "shop"
}

variable "protected" {
  description = "Whether the table in the first Region is protected."
  type        = bool
  default     = true
}

variable "guests_table_arn" {
  description = "The table from elsewhere; null for no such consumer."
  type        = string
  default     = null
}

resource "aws_iam_role" "shop" {
  name = "shop"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

module "here" {
  source = "MODULE_SOURCE"

  name      = var.name
  processor = "shop.process"
  queue     = null
  table     = { deletion_protection = var.protected }

  function = {
    existing = {
      arn             = "arn:aws:lambda:eu-central-1:${var.account}:function:shop"
      role            = { name = aws_iam_role.shop.name }
      timeout_seconds = 30
    }
  }
}

module "there" {
  source    = "MODULE_SOURCE"
  providers = { aws = aws.other }

  name      = "shop"
  processor = "shop.process"
  queue     = null

  function = {
    existing = {
      arn             = "arn:aws:lambda:us-east-1:${var.account}:function:shop"
      role            = { name = aws_iam_role.shop.name }
      timeout_seconds = 30
    }
  }
}

module "guest" {
  source = "MODULE_SOURCE"
  count  = var.guests_table_arn == null ? 0 : 1

  name      = "guest"
  code      = { source_dir = "${path.module}/src" }
  processor = "shop.process"
  table     = { existing = { arn = var.guests_table_arn } }
}

output "stack" {
  description = "The parts to look at."
  value = {
    dead_letters = module.here.dead_letter_queue.url
    tables       = { eu-central-1 = module.here.table.arn, us-east-1 = module.there.table.arn }
  }
}
