variable "table" {
  description = <<-EOT
    The DynamoDB table of idempotency records. It is encrypted and has TTL. AWS bills it per request unless
    `provisioned` is set.
    - `class` (`STANDARD` or `STANDARD_INFREQUENT_ACCESS`): the table class. The second one costs less for storage
      and more for writes.
    - `deletion_protection`: whether the table refuses its deletion. Terraform then destroys nothing of the module in a
      change that would delete or replace the table, such as another `name`.
    - `existing.arn` (ARN of a table in this account and Region): an existing table, which the module uses instead
      of creating one. It needs the partition key `id`, a string, no sort key, and TTL on `expires_at`. Several
      consumers may share it; each has a namespace.
    - `existing.kms_key_arn` (ARN of a KMS key): your key that encrypts the table, if you use one. The role may
      then use it.
    - `kms_key_arn` (ARN of a KMS key): your key for the table. When null, the module's `kms_key_arn`.
    - `max_read_request_units` (1 or more, or -1; not with `provisioned`): DynamoDB throttles reads above this.
      With null, the table has no limit. To lift a limit, apply -1 before you set null.
    - `max_write_request_units` (1 or more, or -1; not with `provisioned`): the same for writes.
    - `name` (3 to 255 letters, digits, -, _ and .): the table's name; when null, `name`-idempotency. If you change
      it, Terraform replaces the table, and all records are lost.
    - `point_in_time_recovery`: whether you can restore the table to any second of the last 35 days.
    - `provisioned.read_units` (1 or more): the read capacity. AWS bills it by the hour instead of per request.
    - `provisioned.write_units` (1 or more): the write capacity. A message takes two.
    - `shared`: whether other consumers use this table. The role then reads and writes only records of its
      namespace, as the role of a consumer with an existing table does.
    - `tags`: tags of the table, in addition to the module's `tags`.
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
    kms_key_arn             = optional(string)
    max_read_request_units  = optional(number)
    max_write_request_units = optional(number)
    name                    = optional(string)
    point_in_time_recovery  = optional(bool, true)
    provisioned = optional(object({
      read_units  = number
      write_units = number
    }))
    shared = optional(bool, false)
    tags   = optional(map(string), {})
  })

  validation {
    condition = contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], var.table.class)
    error_message = nonsensitive(join("", [for part in [
      "table.class = \"", var.table.class, "\" is not one of STANDARD, STANDARD_INFREQUENT_ACCESS. Choose STANDARD ",
      "unless storage costs more than requests.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.table.existing == null ? true : (
      can(regex("^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", var.table.existing.arn))
    )
    error_message = nonsensitive(join("", [for part in [
      "table.existing.arn = ", jsonencode(try(var.table.existing.arn, null)), " is not the ARN of a DynamoDB table. ",
      "Give the table's arn.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # existing and its key may each be null.
  validation {
    condition = try(var.table.existing.kms_key_arn, null) == null ? true : (
      can(regex(local.kms_key_arn, var.table.existing.kms_key_arn))
    )
    error_message = nonsensitive(join("", [for part in [
      "table.existing.kms_key_arn = ", jsonencode(try(var.table.existing.kms_key_arn, null)), " is not the ARN of a ",
      "KMS key. Give the arn of the key that encrypts the table, or null.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.table.existing == null ? true : alltrue([
      for name, value in local.table_defaults : jsonencode(var.table[name]) == jsonencode(value)
    ])
    error_message = join(" ", [
      "table.existing is set; then ${join(", ", keys(local.table_defaults))} of table must keep their",
      "defaults, because only a table that the module creates takes them.",
      "Set them where the table is declared, or remove table.existing.",
    ])
  }

  validation {
    condition = var.table.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.table.kms_key_arn))
    error_message = nonsensitive(join("", [for part in [
      "table.kms_key_arn = ", jsonencode(var.table.kms_key_arn), " is not the ARN of a KMS key. Give the arn of ",
      "aws_kms_key, or null for the module's kms_key_arn.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for units in [var.table.max_read_request_units, var.table.max_write_request_units] :
      units == null ? true : floor(units) == units && (units >= 1 || units == -1)
    ])
    error_message = nonsensitive(join("", [for part in [
      "table.max_read_request_units = ", jsonencode(var.table.max_read_request_units), " and ",
      "table.max_write_request_units = ", jsonencode(var.table.max_write_request_units), "; each must be a whole ",
      "number of at least 1, or -1. Set one, or null for no limit.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.table.name == null ? true : can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table.name))
    error_message = nonsensitive(join("", [for part in [
      "table.name = ", jsonencode(var.table.name), " is not 3 to 255 letters, digits, -, _ and . Correct it, or leave ",
      "it unset for the module's name with -idempotency.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.table.provisioned == null || (
      var.table.max_read_request_units == null && var.table.max_write_request_units == null
    )
    error_message = join(" ", [
      "table.provisioned is set, and so is table.max_read_request_units or table.max_write_request_units,",
      "which limit only a table that AWS bills per request. Remove one or the other.",
    ])
  }

  validation {
    condition = var.table.provisioned == null ? true : alltrue([
      for units in values(var.table.provisioned) : floor(coalesce(units, 0)) == units && coalesce(units, 0) >= 1
    ])
    error_message = nonsensitive(join("", [for part in [
      "table.provisioned = ", jsonencode(var.table.provisioned), "; both must be whole numbers of at least 1. Set ",
      "both in that range, or null, and AWS bills the table per request.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

# Only a table that the module creates takes these attributes. With `table.existing`, they must keep the defaults
# above (a test compares both).
locals {
  table_defaults = {
    class                   = "STANDARD"
    deletion_protection     = false
    kms_key_arn             = null
    max_read_request_units  = null
    max_write_request_units = null
    name                    = null
    point_in_time_recovery  = true
    provisioned             = null
    shared                  = false
    tags                    = {}
  }
}
