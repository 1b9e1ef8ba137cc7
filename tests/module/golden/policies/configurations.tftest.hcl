# The configurations whose policies are kept next to this file. No assertions: test_policies.py compares
# what each run plans with the file of its name.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
  }
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
  tags      = { team = "payments" }
}

run "default" {
  command = plan
}

run "fifo" {
  command = plan

  override_resource {
    override_during = plan
    target          = aws_sqs_queue.dead_letter
    values          = { arn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters.fifo" }
  }

  variables {
    queue = { fifo = true }
  }
}

run "streams" {
  command = plan

  variables {
    streams = {
      accounts = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", failure_destination_arn = "arn:aws:sns:eu-central-1:123456789012:failed" }
      clicks   = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks/consumer/orders:1735689600", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" }
      views    = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/views", failure_destination_arn = "arn:aws:s3:::failed" }
    }
  }
}

run "vpc_key_and_tracing" {
  command = plan

  variables {
    alarms           = {}
    dashboard        = true
    function         = { alias = "live", vpc = { security_group_ids = ["sg-1"], subnet_ids = ["subnet-1", "subnet-2"] } }
    allowed_triggers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" } }
    kms_key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/module"
    queue = {
      allowed_senders = [
        { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" },
        { service = "s3", source_arn = "arn:aws:s3:::orders" },
      ]
    }
    streams = {
      clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/stream" }
    }
  }
}

run "shared_table" {
  command = plan

  variables {
    function    = { tracing = false }
    idempotency = { namespace = "shop/a*b?c$d" }
    table       = { shared = true }
  }
}

run "everything_existing" {
  command = plan

  variables {
    code      = null
    function  = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:charge", role = { name = "charge" }, timeout_seconds = 30 } }
    processor = null
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        kms_key_arn                = "arn:aws:kms:eu-central-1:123456789012:key/queue"
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 180
      }
    }
    table = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" } }
  }
}

run "several_keys" {
  command = plan

  variables {
    function    = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/function", role = { managed_policy_arns = { guard = "arn:aws:iam::123456789012:policy/guard" } } }
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/module"
    queue = {
      dead_letter_queue = { policy_statements = [{ sid = "Operators", principals = { AWS = ["arn:aws:iam::123456789012:role/operator"] }, actions = ["sqs:ReceiveMessage"] }] }
      kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/queue"
    }
    table = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" }
  }
}

run "no_queue" {
  command = plan

  variables {
    queue = null
  }
}
