locals {
  # 1. The KMS key of yours for each service, or null. The key of a service comes before the key for everything.
  table_key_arn    = var.table.kms_key_arn == null ? var.kms_key_arn : var.table.kms_key_arn
  function_key_arn = var.function.kms_key_arn == null ? var.kms_key_arn : var.function.kms_key_arn
  logs_key_arn     = var.logs.kms_key_arn == null ? var.kms_key_arn : var.logs.kms_key_arn
  queue_key_arn = (
    var.queue == null ? var.kms_key_arn : var.queue.kms_key_arn == null ? var.kms_key_arn : var.queue.kms_key_arn
  )
  dead_letter_key_arn = local.uses_existing_queue ? var.queue.existing.kms_key_arn : local.queue_key_arn

  # The function's key encrypts the filters of the mappings, too, which can contain secrets.
  has_filters = try(length(var.queue.filters), 0) + length(flatten([for stream in var.streams : stream.filters])) > 0

  # 2. The keys of the data that the role reads and writes, each with the services that use it for this data. The role
  # may use a key only through these services.
  data_keys = concat(
    [
      { service = "dynamodb", arn = local.creates_table ? local.table_key_arn : var.table.existing.kms_key_arn },
      { service = "sqs", arn = local.dead_letter_key_arn },
    ],
    [for stream in var.streams : { service = stream.source, arn = stream.kms_key_arn }],
  )
  data_keys_of_services = {
    for arn, services in { for key in local.data_keys : key.arn => key.service... if key.arn != null } :
    join(" ", [for service in ["dynamodb", "sqs", "kinesis"] : service if contains(services, service)]) => arn...
  }

  # docs/security.md names AWS's pages about these permissions. Keys with the same services are in one statement. The
  # name of a service ends with the domain of its partition, such as amazonaws.com or amazonaws.eu. AWS sets the name,
  # and a Region has one domain, so a pattern allows no more than the whole name would.
  key_statements = concat(
    [for services, arns in local.data_keys_of_services : {
      Sid = join("", concat(
        ["ReadWithKeys"],
        [for service in split(" ", services) : title(service) if length(local.data_keys_of_services) > 1],
      ))
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = arns
      Condition = {
        StringLike = { "kms:ViaService" = formatlist("%s.${local.arn_parts.region}.*", split(" ", services)) }
      }
    }],
    local.dead_letter_key_arn == null ? [] : [{
      Sid       = "EncryptDeadLetters"
      Effect    = "Allow"
      Action    = ["kms:GenerateDataKey"]
      Resource  = local.dead_letter_key_arn
      Condition = { StringLike = { "kms:ViaService" = ["sqs.${local.arn_parts.region}.*"] } }
    }],
  )
}
