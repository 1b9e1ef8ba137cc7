locals {
  limits_requests = nonsensitive(
    var.table.max_read_request_units != null || var.table.max_write_request_units != null
  )
}

resource "aws_dynamodb_table" "records" {
  # checkov:skip=CKV2_AWS_16:On-demand capacity scales by itself. Only table.provisioned fixes the capacity.
  count = local.creates_table ? 1 : 0 # table.existing must be known when Terraform plans. Set it or null.

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

  # DynamoDB may delete an expired record days late. So this only cleans up, and the package compares the time itself.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  # Without your key, DynamoDB uses the key that AWS manages in your account. CloudTrail shows its use.
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  dynamic "on_demand_throughput" {
    for_each = local.limits_requests ? [var.table] : []

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
