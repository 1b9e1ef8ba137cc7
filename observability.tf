# Created here, not by Lambda, so that it has a retention and goes when the function goes.
resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.logs.retention_days
  tags              = var.tags
}
