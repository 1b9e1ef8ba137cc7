# The settings as they take effect, for the output of this name. Terraform drops an attribute that it does not know
# before the module sees it, so a wrong name shows only here: the setting keeps its default.
#
# Only numbers, switches and chosen names are here. Environments, ARNs, URLs, filters, policies and tags are not: they
# may hold secrets, and one sensitive value would make the whole output sensitive.

locals {
  # 1. The attributes that are shown as they are given.
  shown = {
    code = ["python"]
    function = [
      "alias", "alias_weights", "architecture", "ephemeral_storage_mb", "memory_size_mb", "provisioned_concurrency",
      "reserved_concurrency", "runtime", "snap_start", "tracing",
    ]
    idempotency = [
      "concurrency", "key", "lease_margin_seconds", "log", "log_keys", "managed_instances",
      "metrics_by_decorated_name", "minimum_remaining_seconds", "mode", "on_interrupted",
    ]
    logs = ["application_level", "class", "retention_days", "system_level"]
    queue = [
      "batch_size", "content_based_deduplication", "deduplication_scope", "delay_seconds", "enabled",
      "fifo_throughput_limit", "max_message_size_bytes", "maximum_batching_window_in_seconds", "maximum_concurrency",
      "metrics", "provisioned_poller_config", "receive_wait_time_seconds",
    ]
    streams = [
      "batch_size", "bisect_batch_on_function_error", "enabled", "maximum_batching_window_in_seconds",
      "maximum_record_age_seconds", "maximum_retry_attempts", "metrics", "parallelization_factor", "source",
      "starting_position", "starting_position_timestamp",
    ]
    table = [
      "class", "deletion_protection", "max_read_request_units", "max_write_request_units", "point_in_time_recovery",
      "provisioned",
    ]
  }

  # 2. With those that the module derives. Of an existing part, it knows only what you state. The name of an existing
  # part comes from its ARN.
  effective_settings = {
    alarms = { for name, alarm in local.alarms : name => {
      evaluation_periods = local.evaluation_periods[name]
      threshold          = alarm.threshold
    } if contains(local.wanted_alarms, name) }
    code = var.code == null ? null : merge(
      { for name in local.shown.code : name => var.code[name] if local.builds_package },
      { source = local.builds_package ? "source_dir" : local.uses_s3 ? "s3" : local.image ? "image" : "filename" },
    )
    dashboard = var.dashboard
    dead_letter_queue = {
      existing                  = local.uses_existing_queue
      max_message_size_bytes    = local.uses_existing_queue ? null : local.dead_letter_size_bytes
      message_retention_seconds = local.dead_letter_retention_seconds
      name                      = local.uses_existing_queue ? null : local.dead_letter_queue_name
    }
    function = merge(
      { for name in local.shown.function : name => var.function[name] if local.creates_function },
      {
        for name, value in {
          handler = local.entry_point
          role    = { name = var.function.role.name, path = var.function.role.path }
        } : name => value if local.creates_function
      },
      {
        existing        = !local.creates_function
        name            = local.creates_function ? local.function_name : null
        timeout_seconds = local.timeout_seconds
      },
    )
    idempotency = merge(
      { for name in local.shown.idempotency : name => var.idempotency[name] },
      {
        lease_seconds     = local.lease_seconds
        metrics           = local.writes_metrics
        namespace         = local.namespace
        retention_seconds = local.record_retention_seconds
      },
    )
    logs      = local.creates_function ? { for name in local.shown.logs : name => var.logs[name] } : null
    processor = var.processor
    queue = local.has_queue ? merge(
      {
        for name in local.shown.queue : name => var.queue[name]
        if local.creates_queue || !contains(keys(local.queue_defaults), name)
      },
      {
        existing                   = local.uses_existing_queue
        max_receive_count          = local.max_receive_count
        message_retention_seconds  = local.retention_seconds
        name                       = local.uses_existing_queue ? null : local.queue_name
        visibility_timeout_seconds = local.visibility_timeout_seconds
      },
      { for name in ["fifo"] : name => local.fifo if local.creates_queue },
    ) : null
    streams = {
      for stream, settings in var.streams : stream => { for name in local.shown.streams : name => settings[name] }
    }
    table = merge(
      { for name in local.shown.table : name => var.table[name] if local.creates_table },
      {
        existing = !local.creates_table
        name     = local.creates_table ? local.table_name : null
        shared   = local.shares_table
      },
    )
    triggers = { for name, trigger in var.allowed_triggers : name => trigger.service }
    unwrap   = local.unwrap
  }
}
