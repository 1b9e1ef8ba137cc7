variable "streams" {
  description = <<-EOT
    Further sources beside the queue, by a name of your choice: Kinesis data streams and DynamoDB streams.
    - `arn` (of the stream, or of a registered consumer of a Kinesis stream): what is read.
    - `batch_size` (1 to 10000): records per invocation.
    - `maximum_batching_window_in_seconds` (0 to 300 s): how long Lambda waits to fill a batch.
    - `bisect_batch_on_function_error` (true or false): whether a batch whose invocation fails is split in two.
    - `enabled` (true or false): whether the stream is read.
    - `failure_destination_arn` (a standard queue or topic, not the module's own queues): is told of records
      which Lambda gives up on. It gets where they stand in the stream, not the records.
    - `filters` (event patterns in JSON; 5, by AWS's default quota): which records are processed; others are
      skipped.
    - `kms_key_arn` (of a KMS key): the key of yours that encrypts the stream, if one does, for the role to
      use.
    - `maximum_record_age_seconds` (60 to 604800 s): Lambda gives up on older records.
    - `maximum_retry_attempts` (0 to 10000): Lambda gives up on a batch after as many retries.
    - `metrics` (true or false): whether Lambda counts the events of this mapping in CloudWatch
      (`EventCount`), for a charge.
    - `parallelization_factor` (1 to 10): batches of a shard that are processed at the same time. Records of
      one partition key stay in order.
    - `source` (`kinesis` or `dynamodb`): what the ARN is of.
    - `starting_position` (`TRIM_HORIZON`, `LATEST`, or for Kinesis `AT_TIMESTAMP`): the oldest record, the
      next one, or one of a time. Changing it creates the mapping anew.
    - `starting_position_timestamp` (such as `"2025-01-31T12:00:00Z"`; only for `AT_TIMESTAMP`): that time.
  EOT
  nullable    = false
  default     = {}

  type = map(object({
    arn                                = string
    batch_size                         = optional(number, 100)
    maximum_batching_window_in_seconds = optional(number, 0)
    bisect_batch_on_function_error     = optional(bool, true)
    enabled                            = optional(bool, true)
    failure_destination_arn            = string
    filters                            = optional(list(string), [])
    kms_key_arn                        = optional(string)
    maximum_record_age_seconds         = optional(number, 86400)
    maximum_retry_attempts             = optional(number, 10)
    metrics                            = optional(bool, false)
    parallelization_factor             = optional(number, 1)
    source                             = string
    starting_position                  = optional(string, "TRIM_HORIZON")
    starting_position_timestamp        = optional(string)
  }))

  validation {
    condition     = length(distinct([for stream in var.streams : stream.arn])) == length(var.streams)
    error_message = "streams has one arn under several names: ${join(", ", keys(var.streams))}; Lambda takes each stream once for a function. Remove all but one."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html and
  # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html give the limits.

  validation {
    condition     = alltrue([for stream in var.streams : can(regex(local.stream_arns[stream.source], stream.arn)) || !contains(keys(local.stream_arns), coalesce(stream.source, "null"))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.arn = \"${coalesce(stream.arn, "null")}\"" if !can(regex(local.stream_arns[stream.source], stream.arn))])} is not the ARN of a stream of its source. Give the stream_arn of a DynamoDB table, or the arn of a Kinesis stream."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.batch_size) == stream.batch_size && stream.batch_size >= 1 && stream.batch_size <= 10000])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.batch_size = ${stream.batch_size}" if floor(stream.batch_size) != stream.batch_size || stream.batch_size < 1 || stream.batch_size > 10000])} is not a whole number from 1 to 10000 (records). Set one in that range; 100 suits most."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_batching_window_in_seconds) == stream.maximum_batching_window_in_seconds && stream.maximum_batching_window_in_seconds >= 0 && stream.maximum_batching_window_in_seconds <= 300])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_batching_window_in_seconds = ${stream.maximum_batching_window_in_seconds}" if floor(stream.maximum_batching_window_in_seconds) != stream.maximum_batching_window_in_seconds || stream.maximum_batching_window_in_seconds < 0 || stream.maximum_batching_window_in_seconds > 300])} is not a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait."
  }

  validation {
    condition     = alltrue([for stream in var.streams : can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.failure_destination_arn = \"${coalesce(stream.failure_destination_arn, "null")}\"" if !can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))])} is not the ARN of an SQS queue or an SNS topic. Give one of a queue or topic of its own: records that Lambda gives up on would be lost."
  }

  validation {
    condition     = !anytrue([for stream in var.streams : endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.failure_destination_arn = \"${coalesce(stream.failure_destination_arn, "null")}\"" if endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")])} is FIFO; Lambda sends to standard queues and topics only. Give a standard one."
  }

  validation {
    condition     = alltrue(flatten([for stream in var.streams : [for pattern in stream.filters : can(keys(jsondecode(pattern)))]]))
    error_message = "${join(", ", flatten([for name, stream in var.streams : [for index, pattern in stream.filters : "streams.${name}.filters[${index}] = ${jsonencode(pattern)}" if !can(keys(jsondecode(pattern)))]]))} is not a JSON object. Use jsonencode({ ... })."
  }

  # Infinite (-1) is AWS's default for both: one record that always fails then stops its shard until it
  # expires. 60 s: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_record_age_seconds) == stream.maximum_record_age_seconds && stream.maximum_record_age_seconds >= 60 && stream.maximum_record_age_seconds <= 604800])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_record_age_seconds = ${stream.maximum_record_age_seconds}" if floor(stream.maximum_record_age_seconds) != stream.maximum_record_age_seconds || stream.maximum_record_age_seconds < 60 || stream.maximum_record_age_seconds > 604800])} is not a whole number from 60 to 604800 (seconds, 7 days). Set one in that range, such as the stream's retention."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_retry_attempts) == stream.maximum_retry_attempts && stream.maximum_retry_attempts >= 0 && stream.maximum_retry_attempts <= 10000])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_retry_attempts = ${stream.maximum_retry_attempts}" if floor(stream.maximum_retry_attempts) != stream.maximum_retry_attempts || stream.maximum_retry_attempts < 0 || stream.maximum_retry_attempts > 10000])} is not a whole number from 0 to 10000. Set one in that range; about 10 outlasts a short outage."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.parallelization_factor) == stream.parallelization_factor && stream.parallelization_factor >= 1 && stream.parallelization_factor <= 10])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.parallelization_factor = ${stream.parallelization_factor}" if floor(stream.parallelization_factor) != stream.parallelization_factor || stream.parallelization_factor < 1 || stream.parallelization_factor > 10])} is not a whole number from 1 to 10. Set one in that range."
  }

  validation {
    condition     = alltrue([for stream in var.streams : contains(keys(local.stream_arns), coalesce(stream.source, "null"))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.source = \"${coalesce(stream.source, "null")}\"" if !contains(keys(local.stream_arns), coalesce(stream.source, "null"))])} is not one of ${join(", ", keys(local.stream_arns))}. Choose the one that the ARN is of."
  }

  validation {
    condition     = alltrue([for stream in var.streams : contains(local.starting_positions, stream.starting_position)])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"${stream.starting_position}\"" if !contains(local.starting_positions, stream.starting_position)])} is not one of ${join(", ", local.starting_positions)}. Choose TRIM_HORIZON to miss no record."
  }

  validation {
    condition     = !anytrue([for stream in var.streams : stream.starting_position == "AT_TIMESTAMP" && coalesce(stream.source, "null") == "dynamodb"])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"AT_TIMESTAMP\"" if stream.starting_position == "AT_TIMESTAMP" && coalesce(stream.source, "null") == "dynamodb"])}, which DynamoDB streams do not know. Choose TRIM_HORIZON or LATEST."
  }

  validation {
    condition     = alltrue([for stream in var.streams : (stream.starting_position == "AT_TIMESTAMP") == (stream.starting_position_timestamp != null)])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"${stream.starting_position}\" with starting_position_timestamp = \"${coalesce(stream.starting_position_timestamp, "null")}\"" if(stream.starting_position == "AT_TIMESTAMP") != (stream.starting_position_timestamp != null)])}: AT_TIMESTAMP takes a timestamp, and no other position does. Set both or neither."
  }

  validation {
    condition     = alltrue([for stream in var.streams : stream.starting_position_timestamp == null ? true : can(regex("^[0-9-]{10}T[0-9:]{8}Z$", stream.starting_position_timestamp)) && can(formatdate("YYYY", stream.starting_position_timestamp))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position_timestamp = \"${coalesce(stream.starting_position_timestamp, "null")}\"" if stream.starting_position_timestamp == null ? false : !(can(regex("^[0-9-]{10}T[0-9:]{8}Z$", stream.starting_position_timestamp)) && can(formatdate("YYYY", stream.starting_position_timestamp)))])} is no time of the form \"2025-01-31T12:00:00Z\". Correct it."
  }

  validation {
    condition     = alltrue([for stream in var.streams : stream.kms_key_arn == null ? true : can(regex(local.kms_key_arn, stream.kms_key_arn))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.kms_key_arn = \"${coalesce(stream.kms_key_arn, "null")}\"" if stream.kms_key_arn == null ? false : !can(regex(local.kms_key_arn, stream.kms_key_arn))])} is not the ARN of a KMS key. Give the arn of the key that encrypts the stream, or null."
  }
}
