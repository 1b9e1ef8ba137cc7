# Tags everything with the run, and lets the quickstart write metrics.
provider "aws" {
  default_tags {
    tags = { idempotent-lambda-verify = var.name }
  }
}

module "orders" {
  idempotency = { key = "body.order_id", lease_margin_seconds = 1, metrics = true }
}
