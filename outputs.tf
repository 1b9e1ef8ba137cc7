output "dead_letter_queue" {
  description = "The queue of messages that were received max_receive_count times and never acknowledged: its ARN, name and URL."
  value = {
    arn  = aws_sqs_queue.dead_letter.arn
    name = aws_sqs_queue.dead_letter.name
    url  = aws_sqs_queue.dead_letter.url
  }
}

output "event_source_mapping" {
  description = "What reads from the queue and invokes the function: its ARN and UUID."
  value = {
    arn  = aws_lambda_event_source_mapping.queue.arn
    uuid = aws_lambda_event_source_mapping.queue.uuid
  }
}

output "function" {
  description = "The function: its ARN and name, the ARN and name of its role, the name of its log group."
  value = {
    arn            = aws_lambda_function.consumer.arn
    log_group_name = aws_cloudwatch_log_group.function.name
    name           = aws_lambda_function.consumer.function_name
    role_arn       = aws_iam_role.function.arn
    role_name      = aws_iam_role.function.name
  }

  # S3 refuses a notification to a function that it may not invoke yet.
  depends_on = [aws_lambda_permission.invoker]
}

output "queue" {
  description = "The queue to send to: its ARN, name and URL."
  value = {
    arn  = aws_sqs_queue.source.arn
    name = aws_sqs_queue.source.name
    url  = aws_sqs_queue.source.url
  }
}

output "streams" {
  description = "What reads from each of the streams and invokes the function, by the stream's name: its ARN and UUID."
  value = {
    for name, mapping in aws_lambda_event_source_mapping.stream : name => {
      arn  = mapping.arn
      uuid = mapping.uuid
    }
  }
}

output "table" {
  description = "The table of idempotency records: its ARN and name."
  value = {
    arn  = aws_dynamodb_table.records.arn
    name = aws_dynamodb_table.records.name
  }
}
