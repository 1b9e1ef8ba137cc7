locals {
  # 1. The parts that the module creates, and those that exist already. Whether an object is null is known when
  # Terraform plans, even while the ARN in it is not. No try() here: of an object with an unknown value, it is unknown.
  # Terraform takes an object for sensitive if a value in it is. Whether something is set is no secret, so all such
  # tests, here and in other files, are in nonsensitive(); the values stay sensitive.
  knows_function      = length(terraform_data.known_function) == 0
  knows_queue         = length(terraform_data.known_queue) == 0
  creates_function    = local.knows_function && nonsensitive(var.function.existing == null)
  creates_table       = nonsensitive(var.table.existing == null)
  has_queue           = local.knows_queue && nonsensitive(var.queue != null)
  uses_existing_queue = local.knows_queue && nonsensitive(var.queue == null ? false : var.queue.existing != null)
  creates_queue       = local.has_queue && !local.uses_existing_queue
  uses_existing_role = local.knows_function && nonsensitive(
    var.function.existing == null ? false : var.function.existing.role != null
  )
  uses_alias = local.knows_function && nonsensitive(var.function.alias != null)

  # The names of streams and triggers are the keys of resources, which cannot be sensitive.
  allowed_triggers = { for name in nonsensitive(keys(var.allowed_triggers)) : name => var.allowed_triggers[name] }
  streams          = { for name in nonsensitive(keys(var.streams)) : name => var.streams[name] }

  # Nothing in sections 2 to 5 may depend on var.function: an existing function takes the settings as its environment,
  # so its ARN is known later.

  # 2. Partition, Region and account. A data source for the account would make offline plans impossible; the table's ARN
  # holds all three, and every consumer has a table. They are no secrets. location.tf checks where an existing table is.
  table_arn  = local.creates_table ? aws_dynamodb_table.records[0].arn : var.table.existing.arn
  table_name = local.creates_table ? aws_dynamodb_table.records[0].name : split("/", var.table.existing.arn)[1]
  arn_parts = nonsensitive(
    regex("^arn:(?P<partition>[^:]+):dynamodb:(?P<region>[^:]+):(?P<account>[^:]+):", local.table_arn)
  )

  # 3. Names. The ARNs of queues that the module creates are built, not read: each queue's policy names that queue,
  # the two queues name each other, and the role need not wait for them.
  namespace = coalesce(var.idempotency.namespace, var.name)
  fifo = (
    local.uses_existing_queue
    ? endswith(var.queue.existing.arn, ".fifo")
    : try(var.queue.fifo, false) # false without a queue
  )
  queue_suffix     = local.creates_queue && local.fifo ? ".fifo" : ""
  queue_arn_prefix = "arn:${local.arn_parts.partition}:sqs:${local.arn_parts.region}:${local.arn_parts.account}"
  queue_name = (
    local.uses_existing_queue
    ? split(":", var.queue.existing.arn)[5]
    : "${coalesce(try(var.queue.name, null), var.name)}${local.queue_suffix}"
  )
  queue_arn = (
    local.uses_existing_queue
    ? var.queue.existing.arn
    : "${local.queue_arn_prefix}:${local.queue_name}"
  )
  dead_letter_queue_name = (
    local.uses_existing_queue
    ? split(":", var.queue.existing.dead_letter_queue.arn)[5]
    : join("", [
      coalesce(try(var.queue.dead_letter_queue.name, null), "${var.name}-dead-letters"),
      local.queue_suffix,
    ])
  )
  dead_letter_queue_arn = (
    local.uses_existing_queue
    ? var.queue.existing.dead_letter_queue.arn
    : "${local.queue_arn_prefix}:${local.dead_letter_queue_name}"
  )
  dead_letter_queue_url = (
    local.uses_existing_queue
    ? var.queue.existing.dead_letter_queue.url
    : aws_sqs_queue.dead_letter[0].url
  )

  # 4. Times, in seconds. reserve_seconds is RESERVE_MILLIS of the package: the time of every invocation that it
  # keeps for the answer (a test compares them). Without a queue, try() gives the last argument.
  reserve_seconds       = 0.5
  max_retention_seconds = 1209600
  retention_seconds = (
    local.uses_existing_queue
    ? var.queue.existing.message_retention_seconds
    : try(var.queue.message_retention_seconds, 0)
  )
  dead_letter_retention_seconds = (
    local.uses_existing_queue
    ? var.queue.existing.dead_letter_queue.message_retention_seconds
    : try(var.queue.dead_letter_queue.message_retention_seconds, local.max_retention_seconds)
  )
  max_receive_count = (
    local.uses_existing_queue
    ? var.queue.existing.max_receive_count
    : try(var.queue.max_receive_count, null)
  )

  # How long each kind of source may deliver a message again. Lambda keeps an event of an asynchronous
  # invocation for up to 6 hours:
  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
  stream_age_seconds       = max(0, [for stream in var.streams : stream.maximum_record_age_seconds]...)
  invocation_age_seconds   = length(local.allowed_triggers) > 0 ? 21600 : 0
  source_retention_seconds = max(local.retention_seconds, local.stream_age_seconds, local.invocation_age_seconds)

  # By default, a stream keeps its records for 24 hours. Lambda gives up on a record at its maximum age. When half of
  # the shorter time is over, the other half is left to find the cause.
  behind_after_seconds = min(86400, [for stream in var.streams : stream.maximum_record_age_seconds]...) / 2

  # Nothing that an alarm watches gets older than this.
  oldest_seconds = {
    iterator_age = local.stream_age_seconds
    message_age  = local.retention_seconds
  }

  # A message may spend its whole retention at its source, then one in the dead-letter queue, and after a redrive one
  # more in the queue. Its record must outlive all three.
  record_retention_seconds = coalesce(
    var.idempotency.retention_seconds,
    local.source_retention_seconds + local.dead_letter_retention_seconds + local.retention_seconds,
  )

  # Services that may have wrapped the body of a message of the queue. A service of allowed_triggers may, too: Lambda
  # keeps an event that fails to the end of its retries in the dead-letter queue, and a redrive may move it to a
  # queue that the function reads.
  named_services = concat(
    [for sender in local.has_queue ? var.queue.allowed_senders : [] : sender.service],
    [for trigger in var.allowed_triggers : trigger.service],
  )
  unwrap = sort(distinct(coalesce(local.has_queue ? var.queue.unwrap : null, local.named_services)))

  # 5. The settings that the package reads (settings.py; a test compares the names). Times are rounded, because a
  # fraction of a second has no exact binary form.
  package_settings = {
    IDEMPOTENCY_CONCURRENCY              = var.idempotency.concurrency
    IDEMPOTENCY_KEY                      = var.idempotency.key
    IDEMPOTENCY_LEASE_MARGIN_MILLIS      = floor(var.idempotency.lease_margin_seconds * 1000 + 0.5)
    IDEMPOTENCY_LOG                      = var.idempotency.log
    IDEMPOTENCY_LOG_KEYS                 = var.idempotency.log_keys
    IDEMPOTENCY_MANAGED_INSTANCES        = var.idempotency.managed_instances
    IDEMPOTENCY_MAX_RECEIVE_COUNT        = local.max_receive_count
    IDEMPOTENCY_METRICS                  = local.metrics_setting
    IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = floor(var.idempotency.minimum_remaining_seconds * 1000 + 0.5)
    IDEMPOTENCY_MODE                     = var.idempotency.mode
    IDEMPOTENCY_NAMESPACE                = local.namespace
    IDEMPOTENCY_ON_INTERRUPTED           = var.idempotency.on_interrupted
    IDEMPOTENCY_PROCESSOR                = var.processor
    IDEMPOTENCY_RETENTION_SECONDS        = local.record_retention_seconds
    IDEMPOTENCY_UNWRAP                   = length(local.unwrap) > 0 ? join(",", local.unwrap) : null
  }

  # Settings that may be unknown while Terraform plans are apart from settings that may be null. If a value could be
  # both, Terraform would not know whether to leave it out, and the plan would show none of the settings.
  resource_environment = {
    IDEMPOTENCY_DEAD_LETTER_QUEUE_URL = local.dead_letter_queue_url
    IDEMPOTENCY_TABLE                 = local.table_name
  }
  environment = merge(
    { for name, value in local.package_settings : name => tostring(value) if nonsensitive(value != null) },
    local.resource_environment,
  )

  # 6. From here on, everything depends on the function.
  function_name = (
    local.creates_function
    ? coalesce(var.function.name, var.name)
    : split(":", var.function.existing.arn)[6]
  )
  timeout_seconds = (
    local.creates_function
    ? var.function.timeout_seconds
    : var.function.existing.timeout_seconds
  )
  lease_seconds              = local.timeout_seconds + var.idempotency.lease_margin_seconds
  mapping_visibility_seconds = 6 * local.timeout_seconds + try(var.queue.maximum_batching_window_in_seconds, 0)
  least_visibility_seconds   = max(local.mapping_visibility_seconds, ceil(local.lease_seconds + 1))
  visibility_timeout_seconds = (
    local.uses_existing_queue
    ? var.queue.existing.visibility_timeout_seconds
    : coalesce(try(var.queue.visibility_timeout_seconds, null), local.least_visibility_seconds)
  )

  # The handler that Lambda calls. The wrapper of a monitoring service reads the handler that it calls in turn from a
  # variable of the environment.
  entry_point         = coalesce(var.function.wrapper, var.function.handler)
  wrapper_variable    = try(local.wrapper_variables[split(".", var.function.wrapper)[0]], null)
  wrapper_environment = local.wrapper_variable == null ? {} : { (local.wrapper_variable) = var.function.handler }
  wrapper_variables = {
    datadog_lambda          = "DD_LAMBDA_HANDLER"
    newrelic_lambda_wrapper = "NEW_RELIC_LAMBDA_HANDLER"
    sentry_sdk              = "SENTRY_INITIAL_HANDLER"
  }

  # How error messages name the inputs of function and queue, and where to change them.
  function_input = local.creates_function ? "function" : "function.existing"
  queue_input    = local.uses_existing_queue ? "queue.existing" : "queue"
  queue_remedy = (
    local.uses_existing_queue
    ? "where the queue is declared, and here"
    : "or set null to have it derived"
  )
  concurrency_remedy = coalesce(var.function.reserved_concurrency, 2) >= 2 ? join(" ", [
    "Set queue.maximum_concurrency to at most ${coalesce(var.function.reserved_concurrency, 1000)},",
    "or set queue.enabled = false.",
    ]) : join(" ", [
    "Set queue.enabled = false, or raise function.reserved_concurrency to at least 2 and set",
    "queue.maximum_concurrency = 2, the least that Lambda takes. For one message at a time, leave both unset, and use",
    "a FIFO queue whose producers send to one message group.",
  ])

  # The mappings invoke the alias, if there is one.
  target_arn = try(aws_lambda_alias.consumer[0].arn, aws_lambda_function.consumer[0].arn, var.function.existing.arn)

  # Built for an existing function, too. API Gateway needs the ARN of the alias that may be invoked.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-custom-integrations.html
  invoke_arn = join(":", [
    "arn:${local.arn_parts.partition}:apigateway:${local.arn_parts.region}:lambda",
    "path/2015-03-31/functions/${local.target_arn}/invocations",
  ])

  # 7. The constants that rules need. A rule about one variable is a validation of that variable. Variables whose
  # validations name each other would be a cycle, so a rule that joins several is a precondition: of the resource, if
  # it concerns one that the module creates, and otherwise of terraform_data.checks (checks.tf).
  builtin_handler    = "idempotent_lambda.entrypoint.handler"
  services           = ["events", "s3", "sns"]
  wrappers           = ["events", "pipes", "s3", "sns"]
  starting_positions = ["AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"]
  log_levels         = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
  log_retention_days = [
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
  ]

  kms_key_arn = "^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$"
  sqs_arn     = "^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$"

  source_arns = {
    events = "^arn:[^:]+:events:[^:]+:[0-9]{12}:rule/.+$"
    s3     = "^arn:[^:]+:s3:::[^/]+$"
    sns    = "^arn:[^:]+:sns:[^:]+:[0-9]{12}:.+$"
  }
  stream_arns = {
    dynamodb = "^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[^/]+/stream/.+$"
    kinesis  = "^arn:[^:]+:kinesis:[^:]+:[0-9]{12}:stream/.+$"
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, without the names that
  # start with _, which the syntax rule refuses; and the two that Lambda sets from the logging config.
  # https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
  reserved_environment = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
  ]
}

# Whether these are set decides which resources there are. If Terraform cannot know it, it stops here with one error,
# which shows the comment and the value. Everything else waits for these two. Neither is ever created: `is_set &&
# !is_set` is false for each value, but unknown for an unknown one. A precondition would not do, because it waits for
# the apply if its condition is unknown.
resource "terraform_data" "known_function" {
  count = nonsensitive(length([
    # Whether function.existing, its role, function.alias and function.provisioned_concurrency are null must be known
    # when Terraform plans. Set each one, or null, without a condition on a resource; the ARNs and names in them may be
    # unknown.
    for is_set in [
      var.function.existing == null ? false : var.function.existing.role != null,
      var.function.alias != null,
      var.function.provisioned_concurrency != null,
    ] : is_set if is_set && !is_set
  ]))
}

resource "terraform_data" "known_queue" {
  count = nonsensitive(length([
    # Whether queue and queue.existing are null must be known when Terraform plans. Set each one, or null, without a
    # condition on a resource; the ARNs and URLs in them may be unknown.
    for is_set in [var.queue == null ? false : var.queue.existing != null] : is_set if is_set && !is_set
  ]))
}
