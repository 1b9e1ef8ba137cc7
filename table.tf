resource "aws_dynamodb_table" "records" {
  name                        = "${var.name}-idempotency"
  billing_mode                = "PAY_PER_REQUEST"
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

  # With the key that AWS manages for the account, whose use CloudTrail shows.
  server_side_encryption {
    enabled = true
  }

  point_in_time_recovery {
    enabled = var.table.point_in_time_recovery
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = local.record_retention_seconds >= var.queue.retention_seconds
      error_message = "idempotency.retention_seconds = ${local.record_retention_seconds} is below queue.retention_seconds = ${var.queue.retention_seconds}: a record would be forgotten while its message can still be delivered. Raise it, or set null to have it derived."
    }

    precondition {
      condition     = local.record_retention_seconds >= local.stream_age_seconds
      error_message = "idempotency.retention_seconds = ${local.record_retention_seconds} is below the longest maximum_record_age_seconds of streams = ${local.stream_age_seconds}: a record would be forgotten while its stream can still deliver it again. Raise it, or set null to have it derived."
    }

    precondition {
      condition     = local.record_retention_seconds >= local.invocation_age_seconds
      error_message = "idempotency.retention_seconds = ${local.record_retention_seconds} is below ${local.invocation_age_seconds}, and function.invokers is not empty: Lambda keeps their events for up to 6 hours, so a record would be forgotten while its event can still come again. Raise it, or set null to have it derived."
    }
  }
}
