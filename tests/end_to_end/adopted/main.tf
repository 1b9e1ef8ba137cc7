# A consumer whose parts were made by hand, with names that the module would not give them.
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

variable "prefix" {
  description = "The start of all names."
  type        = string
  default     = "legacy"
}

variable "protected" {
  description = "Whether the table is protected."
  type        = bool
  default     = true
}

variable "made" {
  description = "The ids of what was made, as `import` takes them."
  type        = map(string)
}

module "orders" {
  source = "MODULE_SOURCE"

  name        = "orders"
  code        = { source_dir = "${path.module}/src" }
  processor   = "jobs.process"
  idempotency = { key = "body.job" }
  function    = { name = "${var.prefix}-worker", role = { name = "${var.prefix}-worker", path = "/${var.prefix}/" } }
  queue       = { name = "${var.prefix}_jobs", dead_letter_queue = { name = "${var.prefix}-given-up" } }
  table       = { name = "${var.prefix}.seen", deletion_protection = var.protected }
}

import {
  to = module.orders.aws_dynamodb_table.records[0]
  id = var.made.table
}

import {
  to = module.orders.aws_sqs_queue.source[0]
  id = var.made.queue
}

import {
  to = module.orders.aws_sqs_queue.dead_letter[0]
  id = var.made.dead_letter_queue
}

import {
  to = module.orders.aws_lambda_function.consumer[0]
  id = var.made.function
}

import {
  to = module.orders.aws_iam_role.function[0]
  id = var.made.role
}

import {
  to = module.orders.aws_cloudwatch_log_group.function[0]
  id = var.made.log_group
}

import {
  to = module.orders.aws_lambda_event_source_mapping.queue[0]
  id = var.made.mapping
}

output "stack" {
  description = "The parts to look at."
  value = {
    queue        = module.orders.queue.url
    dead_letters = module.orders.dead_letter_queue.url
    table        = module.orders.table.name
  }
}
