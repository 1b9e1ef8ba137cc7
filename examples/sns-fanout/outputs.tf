output "billing_dead_letter_queue_url" {
  description = "The queue of orders that billing could not process."
  value       = module.billing.dead_letter_queue.url
}

output "billing_log_group_name" {
  description = "The log group of billing. It has a line for each message, with its outcome."
  value       = module.billing.function.log_group_name
}

output "shipping_dead_letter_queue_url" {
  description = "The queue of orders that shipping could not process."
  value       = module.shipping.dead_letter_queue.url
}

output "shipping_log_group_name" {
  description = "The log group of shipping. It has a line for each message, with its outcome."
  value       = module.shipping.function.log_group_name
}

output "topic_arn" {
  description = "The topic to which you publish orders."
  value       = aws_sns_topic.orders.arn
}

output "work_table_name" {
  description = "The table that holds one row per invoice and one per parcel."
  value       = aws_dynamodb_table.work.name
}
