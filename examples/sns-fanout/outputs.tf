output "billing_dead_letter_queue_url" {
  description = "Where orders go that could not be billed."
  value       = module.billing.dead_letter_queue.url
}

output "billing_log_group_name" {
  description = "Where billing tells, one line per message, what became of it."
  value       = module.billing.function.log_group_name
}

output "shipping_dead_letter_queue_url" {
  description = "Where orders go that could not be shipped."
  value       = module.shipping.dead_letter_queue.url
}

output "shipping_log_group_name" {
  description = "Where shipping tells, one line per message, what became of it."
  value       = module.shipping.function.log_group_name
}

output "topic_arn" {
  description = "Where to publish orders."
  value       = aws_sns_topic.orders.arn
}

output "work_table_name" {
  description = "The table that holds one row per bill and one per parcel."
  value       = aws_dynamodb_table.work.name
}
