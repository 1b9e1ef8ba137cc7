output "alarms_topic_arn" {
  description = "Where alarms are told; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "dead_letter_queue_url" {
  description = "Where orders go that failed every time, or were interrupted."
  value       = module.orders.dead_letter_queue.url
}

output "event_source_mapping_uuid" {
  description = "What reads from the queue."
  value       = module.orders.event_source_mapping.uuid
}

output "express_topic_arn" {
  description = "Where to publish express orders."
  value       = aws_sns_topic.express.arn
}

output "function_name" {
  description = "The function that charges the orders."
  value       = module.orders.function.name
}

output "given_up_queue_url" {
  description = "Where Lambda tells which rows of the old shop it gave up on."
  value       = aws_sqs_queue.given_up.url
}

output "ledger_table_name" {
  description = "The table that holds one row per charge."
  value       = aws_dynamodb_table.ledger.name
}

output "log_group_name" {
  description = "Where the function tells, one line per message, what became of it."
  value       = module.orders.function.log_group_name
}

output "old_shop_table_name" {
  description = "The table of the old shop, whose new rows are orders too."
  value       = aws_dynamodb_table.old_shop.name
}

output "queue_url" {
  description = "Where to send orders that no event brings."
  value       = module.orders.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.orders.table.name
}
