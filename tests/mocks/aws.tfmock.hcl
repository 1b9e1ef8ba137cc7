# What AWS would answer, known already at plan: the module reads partition, region and account from the
# table's ARN, and tests compare whole policies.

mock_data "aws_region" {
  defaults = {
    id = "eu-central-1"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  override_during = plan
  defaults = {
    arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/orders"
  }
}

mock_resource "aws_dynamodb_table" {
  override_during = plan
  defaults = {
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency"
  }
}

mock_resource "aws_iam_role" {
  override_during = plan
  defaults = {
    arn  = "arn:aws:iam::123456789012:role/orders-20250101000000000000000001"
    id   = "orders-20250101000000000000000001"
    name = "orders-20250101000000000000000001"
  }
}

mock_resource "aws_lambda_alias" {
  override_during = plan
  defaults = {
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders:live"
  }
}

mock_resource "aws_lambda_event_source_mapping" {
  override_during = plan
  defaults = {
    arn  = "arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:7a1c1f2e-0000-4000-8000-000000000000"
    uuid = "7a1c1f2e-0000-4000-8000-000000000000"
  }
}

mock_resource "aws_lambda_function" {
  override_during = plan
  defaults = {
    arn     = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
    version = "7"
  }
}

# Both queues get the same: a test that must distinguish them overrides them.
mock_resource "aws_sqs_queue" {
  override_during = plan
  defaults = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:mocked"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mocked"
  }
}
