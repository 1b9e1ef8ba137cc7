resource "aws_dynamodb_table" "records" {
  # checkov:skip=CKV2_AWS_16:Billed per request it scales by itself. With table.provisioned the units are fixed, as the user says.
  count = local.creates_table ? 1 : 0

  name                        = "${var.name}-idempotency"
  table_class                 = var.table.class
  billing_mode                = var.table.provisioned == null ? "PAY_PER_REQUEST" : "PROVISIONED"
  read_capacity               = try(var.table.provisioned.read_units, null)
  write_capacity              = try(var.table.provisioned.write_units, null)
  hash_key                    = "id"
  deletion_protection_enabled = var.table.deletion_protection

  attribute {
    name = "id"
    type = "S"
  }

  # Only cleans up, days late at times: no decision of the package trusts it.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  # Without a key of the user's, with the one that AWS manages for the account, whose use CloudTrail shows.
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  dynamic "on_demand_throughput" {
    for_each = var.table.max_read_request_units == null && var.table.max_write_request_units == null ? [] : [var.table]

    content {
      max_read_request_units  = on_demand_throughput.value.max_read_request_units
      max_write_request_units = on_demand_throughput.value.max_write_request_units
    }
  }

  point_in_time_recovery {
    enabled = var.table.point_in_time_recovery
  }

  tags = var.tags
}
