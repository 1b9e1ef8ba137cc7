# The output "settings": what takes effect, known while Terraform plans, and without a secret.

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# This mock leaves everything unknown that AWS decides.
mock_provider "aws" {}

run "the_defaults" {
  command = plan

  assert {
    condition = jsonencode(output.settings) == jsonencode({
      alarms            = {}
      code              = { python = "python3", source = "source_dir" }
      dashboard         = false
      dead_letter_queue = { existing = false, max_message_size_bytes = 262144, message_retention_seconds = 1209600, name = "orders-dead-letters" }
      function = {
        alias                   = null
        alias_weights           = {}
        architecture            = "arm64"
        ephemeral_storage_mb    = 512
        existing                = false
        handler                 = "idempotent_lambda.entrypoint.handler"
        memory_size_mb          = 256
        name                    = "orders"
        provisioned_concurrency = null
        reserved_concurrency    = null
        role                    = { name = null, path = "/" }
        runtime                 = "python3.13"
        snap_start              = false
        timeout_seconds         = 30
        tracing                 = true
      }
      idempotency = {
        concurrency               = 1
        key                       = null
        lease_margin_seconds      = 5
        lease_seconds             = 35
        log                       = "all"
        log_keys                  = "plain"
        managed_instances         = "refuse"
        metrics                   = false
        metrics_by_decorated_name = false
        minimum_remaining_seconds = 1
        mode                      = "enforce"
        namespace                 = "orders"
        on_interrupted            = "retry"
        retention_seconds         = 1900800
      }
      logs      = { application_level = "INFO", class = null, retention_days = 30, system_level = "INFO" }
      processor = "orders.process"
      queue = {
        batch_size                         = 10
        content_based_deduplication        = false
        deduplication_scope                = null
        delay_seconds                      = 0
        enabled                            = true
        existing                           = false
        fifo                               = false
        fifo_throughput_limit              = null
        max_message_size_bytes             = 262144
        max_receive_count                  = 5
        maximum_batching_window_in_seconds = 0
        maximum_concurrency                = null
        message_retention_seconds          = 345600
        metrics                            = false
        name                               = "orders"
        provisioned_poller_config          = null
        receive_wait_time_seconds          = 0
        visibility_timeout_seconds         = 180
      }
      streams = {}
      table = {
        class                   = "STANDARD"
        deletion_protection     = false
        existing                = false
        max_read_request_units  = null
        max_write_request_units = null
        name                    = "orders-idempotency"
        point_in_time_recovery  = true
        provisioned             = null
        shared                  = false
      }
      triggers = {}
      unwrap   = []
    })
    error_message = "A plan shows each setting with its default."
  }
}

# The names are wrong: Terraform drops them.
run "a_wrong_name_shows_as_a_default" {
  command = plan

  variables {
    function = { memorysize_mb = 1024, timeout = 60 }
    queue    = { batchsize = 1 }
  }

  assert {
    condition     = output.settings.function.memory_size_mb == 256 && output.settings.function.timeout_seconds == 30 && output.settings.queue.batch_size == 10
    error_message = "A setting whose name is wrong has its default."
  }
}

run "what_the_module_derives" {
  command = plan

  variables {
    alarms      = { disabled = ["lost_leases", "parked", "table_unavailable", "takeovers", "throttles", "table_throttles"], errors = 2, evaluation_periods = { errors = 3 } }
    function    = { alias = "live", name = "worker", timeout_seconds = 60, wrapper = "datadog_lambda.handler.handler", layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:datadog:1"] }
    idempotency = { lease_margin_seconds = 10 }
    queue       = { fifo = true, allowed_senders = [{ service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/r" }], content_based_deduplication = true }
    table       = { provisioned = { read_units = 1, write_units = 2 }, shared = true }
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }

  assert {
    condition = jsonencode([output.settings.alarms, output.settings.dead_letter_queue.name, output.settings.function.handler, output.settings.function.name, output.settings.idempotency.lease_seconds, output.settings.queue.name, output.settings.queue.visibility_timeout_seconds, output.settings.unwrap, output.settings.table.provisioned, output.settings.table.shared]) == jsonencode([
      { for name, threshold in { dead_letters = 1, delivery_failures = 1, duration = 48000, errors = 2, iterator_age = 43200000, message_age = 1800 } : name => { evaluation_periods = name == "errors" ? 3 : 1, threshold = threshold } }, "orders-dead-letters.fifo", "datadog_lambda.handler.handler", "worker", 70, "orders.fifo", 360, ["events"], { read_units = 1, write_units = 2 }, true,
    ])
    error_message = "Thresholds, names, the lease and the visibility timeout are those that take effect."
  }

  assert {
    condition     = jsonencode(output.settings.streams) == jsonencode({ clicks = { batch_size = 100, bisect_batch_on_function_error = true, enabled = true, maximum_batching_window_in_seconds = 0, maximum_record_age_seconds = 86400, maximum_retry_attempts = 10, metrics = false, parallelization_factor = 1, source = "kinesis", starting_position = "TRIM_HORIZON", starting_position_timestamp = null } })
    error_message = "Each stream shows how it is read, without an ARN."
  }
}

run "no_queue_and_no_code_of_the_module" {
  command = plan

  variables {
    code             = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders:1" } }
    queue            = null
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
  }

  assert {
    condition     = jsonencode([output.settings.code, output.settings.queue, output.settings.triggers, output.settings.idempotency.retention_seconds]) == jsonencode([{ source = "image" }, null, { topic = "sns" }, 1231200])
    error_message = "Without a queue there are no settings of one."
  }
}

run "existing_parts" {
  command = plan

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 20 } }
    table    = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records" } }
    queue = {
      batch_size = 5
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:jobs"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failed" }
        max_receive_count          = 4
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 130
      }
    }
  }

  assert {
    condition = jsonencode([output.settings.code, output.settings.dead_letter_queue, output.settings.function, output.settings.logs, output.settings.queue, output.settings.table]) == jsonencode([
      null, { existing = true, max_message_size_bytes = null, message_retention_seconds = 1000000, name = null }, { existing = true, name = null, timeout_seconds = 20 }, null,
      { batch_size = 5, enabled = true, existing = true, max_receive_count = 4, maximum_batching_window_in_seconds = 0, maximum_concurrency = null, message_retention_seconds = 86400, metrics = false, name = null, provisioned_poller_config = null, visibility_timeout_seconds = 130 },
      { existing = true, name = null, shared = true },
    ])
    error_message = "Of an existing part, there is what you state and how the module uses it."
  }
}

run "secrets_stay_out" {
  command = plan

  variables {
    alarms      = { actions = [sensitive("arn:aws:sns:eu-central-1:123456789012:secret")] }
    function    = { environment = { TOKEN = sensitive("secret") } }
    kms_key_arn = sensitive("arn:aws:kms:eu-central-1:123456789012:key/secret")
    queue       = { allowed_senders = [{ service = "sns", source_arn = sensitive("arn:aws:sns:eu-central-1:123456789012:secret") }], filters = [sensitive(jsonencode({ body = { team = ["secret"] } }))] }
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/secret", failure_destination_arn = sensitive("arn:aws:sqs:eu-central-1:123456789012:secret") } }
    tags        = { team = sensitive("secret") }
  }

  assert {
    condition     = !strcontains(jsonencode(output.settings), "secret") && !issensitive(output.settings)
    error_message = "The output is not sensitive, and names nothing that is."
  }
}
