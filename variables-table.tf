variable "table" {
  description = <<-EOT
    The table of idempotency records, encrypted, with TTL. Billed per request unless `provisioned`.
    - `class` (`STANDARD` or `STANDARD_INFREQUENT_ACCESS`): the second stores for less and writes for more.
    - `deletion_protection` (true or false): whether the table refuses to be deleted.
    - `existing.arn` (of a table in this account and Region): a table that exists, instead of one that the
      module creates: with the partition key `id`, a string, no sort key, and TTL on `expires_at`. Several
      consumers may share one; each has a namespace.
    - `existing.kms_key_arn` (of a KMS key): the key of yours that encrypts the table, if one does, for the
      role to use.
    - `max_read_request_units` (1 or more, or -1; not if `provisioned`): throttles reads above; null for no limit.
      To lift a limit that was set, apply -1 before null.
    - `max_write_request_units` (1 or more, or -1; not if `provisioned`): the same of writes.
    - `point_in_time_recovery` (true or false): whether it can be restored to any second of the last 35 days.
    - `provisioned.read_units` (1 or more): read capacity, billed by the hour instead of per request.
    - `provisioned.write_units` (1 or more): write capacity; a message takes two.
    - `shared` (true or false): whether other consumers use this table. The role then reads and writes only
      records of its own namespace, as the role of a consumer with an existing table does.
  EOT
  nullable    = false
  default     = {}

  type = object({
    class               = optional(string, "STANDARD")
    deletion_protection = optional(bool, false)
    existing = optional(object({
      arn         = string
      kms_key_arn = optional(string)
    }))
    max_read_request_units  = optional(number)
    max_write_request_units = optional(number)
    point_in_time_recovery  = optional(bool, true)
    provisioned = optional(object({
      read_units  = number
      write_units = number
    }))
    shared = optional(bool, false)
  })

  validation {
    condition     = contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], var.table.class)
    error_message = "table.class = \"${var.table.class}\" is not one of STANDARD, STANDARD_INFREQUENT_ACCESS. Choose STANDARD unless storage costs more than requests."
  }

  validation {
    condition     = var.table.existing == null ? true : can(regex("^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", var.table.existing.arn))
    error_message = "table.existing.arn = \"${try(coalesce(var.table.existing.arn), "null")}\" is not the ARN of a DynamoDB table. Give the table's arn."
  }

  validation {
    condition     = try(var.table.existing.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.table.existing.kms_key_arn)), var.table.existing == null)
    error_message = "table.existing.kms_key_arn = \"${try(coalesce(var.table.existing.kms_key_arn), "null")}\" is not the ARN of a KMS key. Give the arn of the key that encrypts the table, or null."
  }

  validation {
    condition     = var.table.existing == null ? true : alltrue([for name, value in local.table_defaults : jsonencode(var.table[name]) == jsonencode(value)])
    error_message = "table.existing stands beside ${join(", ", [for name, value in local.table_defaults : "table.${name}" if jsonencode(var.table[name]) != jsonencode(value)])}, which only a table that the module creates takes. Set that where the table is declared, or remove table.existing."
  }

  validation {
    condition     = alltrue([for units in [var.table.max_read_request_units, var.table.max_write_request_units] : units == null ? true : floor(units) == units && (units >= 1 || units == -1)])
    error_message = "table.max_read_request_units = ${coalesce(var.table.max_read_request_units, "null")} or table.max_write_request_units = ${coalesce(var.table.max_write_request_units, "null")} is not a whole number of at least 1, nor -1. Set one, or null for no limit."
  }

  validation {
    condition     = var.table.provisioned == null || (var.table.max_read_request_units == null && var.table.max_write_request_units == null)
    error_message = "table.provisioned stands beside table.max_read_request_units or table.max_write_request_units, which limit only a table that is billed per request. Remove one or the other."
  }

  validation {
    condition     = alltrue([for units in values(coalesce(var.table.provisioned, { read_units = 1, write_units = 1 })) : floor(units) == units && units >= 1])
    error_message = "table.provisioned has ${jsonencode(var.table.provisioned)}, not whole numbers of at least 1. Set both in that range, or null to be billed per request."
  }
}

# What only a part takes that the module creates, with the defaults above (a test compares them): with
# `table.existing`, these must keep their defaults.
locals {
  table_defaults = {
    class                   = "STANDARD"
    deletion_protection     = false
    max_read_request_units  = null
    max_write_request_units = null
    point_in_time_recovery  = true
    provisioned             = null
    shared                  = false
  }
}
