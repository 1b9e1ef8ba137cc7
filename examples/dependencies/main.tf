module "invoices" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name        = var.name
  code        = { source_dir = "${path.module}/src" } # with a requirements.txt
  processor   = "invoices.process"
  idempotency = { key = "body.order_id" }

  function = {
    architecture      = var.architecture
    runtime           = var.runtime
    environment       = { INVOICES_TABLE = aws_dynamodb_table.invoices.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.invoices.arn] }]
  }
}

# One item per invoice, with its page.
resource "aws_dynamodb_table" "invoices" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
  name         = "${var.name}-invoices"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "invoice_id"

  attribute {
    name = "invoice_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}
