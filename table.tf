locals {
  limits_requests = nonsensitive(
    var.table.max_read_request_units != null || var.table.max_write_request_units != null
  )
}

resource "aws_dynamodb_table" "records" {
  # checkov:skip=CKV2_AWS_16:On-demand capacity scales by itself. Only table.provisioned fixes the capacity.
  count = local.creates_table ? 1 : 0 # table.existing must be known when Terraform plans. Set it or null.

  name                        = coalesce(var.table.name, "${var.name}-idempotency")
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
    kms_key_arn = local.table_key_arn
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

  tags = local.tags.table
}

# Terraform destroys this before everything else of the module, because it depends on everything. While the table is
# protected, that fails, and nothing is destroyed. Without it, Terraform would destroy the function and the queues with
# their messages, and only then would DynamoDB refuse to delete the table (docs/decisions/0027-deletion-guard.md).
resource "terraform_data" "deletion_guard" {
  count = local.creates_table ? 1 : 0

  # What the last apply has set, whatever the configuration says now. A mock's ARN does not name the table: then there
  # is nothing to protect, and `terraform test` can clean up.
  input = {
    table = aws_dynamodb_table.records[0].name
    protected = (
      aws_dynamodb_table.records[0].deletion_protection_enabled &&
      endswith(aws_dynamodb_table.records[0].arn, "/${aws_dynamodb_table.records[0].name}")
    )
  }

  # The shell of any system understands both commands. Terraform shows the first when it fails.
  provisioner "local-exec" {
    when  = destroy
    quiet = true
    command = !self.input.protected ? "exit 0" : join(" ", [
      "exit 1 # Nothing was destroyed. This would delete or replace the table ${self.input.table}, which",
      "table.deletion_protection protects. To keep the table, undo the change (docs/upgrading.md). To delete it, set",
      "table.deletion_protection = false, apply that alone, and try again.",
    ])
  }

  # Nothing else depends on these, and they depend on all others. A test asks Terraform's graph whether that holds. A
  # list of all resources would slow the plan.
  depends_on = [
    aws_cloudwatch_dashboard.dashboard,
    aws_cloudwatch_metric_alarm.alarm,
    aws_lambda_event_source_mapping.queue,
    aws_lambda_provisioned_concurrency_config.consumer,
    terraform_data.checks,
  ]

  lifecycle {
    replace_triggered_by = [aws_dynamodb_table.records[0].arn]
  }
}
