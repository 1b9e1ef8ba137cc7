# Overrides the quickstart's module block: the source as another repository would write it, the wrapper in
# front of orders.py, and the shortest times the module takes, so that redeliveries come soon.
module "orders" {
  source = "MODULE_SOURCE"

  processor   = "faults.process"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  queue       = { batch_size = 5, maximum_concurrency = 3, max_receive_count = 4 }

  function = {
    timeout_seconds   = 3
    environment       = { LEDGER_TABLE = aws_dynamodb_table.ledger.name, FAULTS_TABLE = aws_dynamodb_table.faults["ours"].name }
    policy_statements = local.wrapper_statements["ours"]
  }
}
