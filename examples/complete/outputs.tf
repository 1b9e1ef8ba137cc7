output "alarms_topic_arn" {
  description = "The topic to which CloudWatch sends the alarms. Subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "dead_letter_queue_url" {
  description = "The queue of orders that failed every time or were interrupted."
  value       = module.orders.dead_letter_queue.url
}

output "event_source_mapping_uuid" {
  description = "The UUID of the mapping that reads from the queue."
  value       = module.orders.event_source_mapping.uuid
}

output "express_topic_arn" {
  description = "The topic to which you publish express orders."
  value       = aws_sns_topic.express.arn
}

output "function_name" {
  description = "The function that charges the orders."
  value       = module.orders.function.name
}

output "given_up_queue_url" {
  description = "The queue of reports about rows of the old shop that Lambda gave up on."
  value       = aws_sqs_queue.given_up.url
}

output "ledger_table_name" {
  description = "The table that holds one row per charge."
  value       = aws_dynamodb_table.ledger.name
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each message, with its outcome."
  value       = module.orders.function.log_group_name
}

output "old_shop_table_name" {
  description = "The table of the old shop. Its new rows are orders, too."
  value       = aws_dynamodb_table.old_shop.name
}

output "queue_url" {
  description = "The queue to which you send orders without an event."
  value       = module.orders.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.orders.table.name
}
