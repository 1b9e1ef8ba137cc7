output "dead_letter_queue_url" {
  description = "The queue of orders that failed every time."
  value       = module.orders.dead_letter_queue.url
}

output "function_name" {
  description = "The function that charges the orders."
  value       = module.orders.function.name
}

output "ledger_table_name" {
  description = "The table that holds one row per charge."
  value       = aws_dynamodb_table.ledger.name
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each message, with its outcome."
  value       = module.orders.function.log_group_name
}

output "queue_url" {
  description = "The queue to which you send orders."
  value       = module.orders.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.orders.table.name
}
