# Where the parts are. The module builds ARNs with the Region and the account of the table. So existing parts must be
# where the module deploys.

locals {
  existing_arns = merge(
    local.creates_function ? {} : { "function.existing.arn" = var.function.existing.arn },
    local.creates_table ? {} : { "table.existing.arn" = var.table.existing.arn },
    local.uses_existing_queue ? {
      "queue.existing.arn"                   = var.queue.existing.arn
      "queue.existing.dead_letter_queue.arn" = var.queue.existing.dead_letter_queue.arn
    } : {},
  )
  # Asks the table, not local.creates_table: if Terraform cannot know it, only the table has the error.
  has_existing_parts = !local.creates_function || length(aws_dynamodb_table.records) == 0 || local.uses_existing_queue

  # A Region and an account are no secrets, even of an ARN that is sensitive.
  existing_inputs = join(", ", [
    for input, arn in local.existing_arns : "${input} = ${issensitive(arn) ? "(sensitive)" : jsonencode(arn)}"
  ])
  existing_locations = nonsensitive(
    distinct([for arn in values(local.existing_arns) : join(" ", slice(split(":", arn), 3, 5))])
  )
  existing_region  = try(split(" ", local.existing_locations[0])[0], "")
  existing_account = try(split(" ", local.existing_locations[0])[1], "")

  # Where the module deploys, or null if that cannot be known. A mock has random values, which match neither expression.
  # To know the account when Terraform plans, the module would have to call AWS, and no plan would work offline. The ARN
  # of the role has the account, and so has the ARN of the table.
  # Provider 6 warns of `id` where an expression names it, and provider 5 has no `region`: lookup() reads what there is.
  region = try(regex(
    "^[a-z]+(?:-[a-z]+)+-[0-9]+$",
    lookup(data.aws_region.current, "region", lookup(data.aws_region.current, "id", null))
  ), null)
  account = try(regex("^arn:[^:]+:[a-z]+:[^:]*:([0-9]{12}):", one(
    local.creates_function ? aws_iam_role.function[*].arn : aws_dynamodb_table.records[*].arn
  ))[0], null)
}

# The Region of the provider, which calls nothing for it. By its attributes, provider-versions.tf knows provider 6.
data "aws_region" "current" {}

# The role's policy and the mappings wait for this resource. The queues cannot wait: an existing function, whose ARN is
# compared here, has their names in its environment. So the dead-letter queue compares its ARN itself (queue.tf).
resource "terraform_data" "location" {
  count = local.has_existing_parts ? 1 : 0

  lifecycle {
    precondition {
      condition = length(local.existing_locations) <= 1
      error_message = join(" ", [
        "The existing parts are in several Regions or accounts: ${join(", ", local.existing_locations)};",
        "a function, its queue and its table have to be in one. Give ARNs of one place.",
      ])
    }

    # The rule above reports several places.
    precondition {
      condition = (
        local.region != null && length(local.existing_locations) == 1 ? local.existing_region == local.region : true
      )
      error_message = nonsensitive(join("", [for part in [
        local.existing_inputs, ", and the AWS provider deploys to the Region ${coalesce(local.region, "null")}; ",
        "existing parts must be in that Region. Give ARNs of parts there, or pass a provider of ",
        local.existing_region, " to the module: providers = { aws = aws.other }.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        local.account != null && length(local.existing_locations) == 1 ? local.existing_account == local.account : true
      )
      error_message = nonsensitive(join("", [for part in [
        local.existing_inputs, ", and the AWS provider deploys to the account ${coalesce(local.account, "null")}; ",
        "existing parts must be in that account. Give ARNs of parts there, or pass a provider of ",
        local.existing_account, " to the module: providers = { aws = aws.other }.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # Where a function runs that may take so long.
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    precondition {
      condition = local.timeout_seconds <= 1800 || var.idempotency.managed_instances == "accept_overlapping_runs"
      error_message = nonsensitive(join("", [for part in [
        "function.existing.timeout_seconds = ", local.timeout_seconds, ", and only Lambda Managed Instances take more ",
        "than 1800, where the function refuses to start. Set it to at most 1800. Or, if two runs of a message may ",
        "overlap (docs/settings.md), set idempotency.managed_instances = \"accept_overlapping_runs\".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}
