output "dead_letter_queue_url" {
  description = "The queue of events that Lambda gave up on."
  value       = module.charges.dead_letter_queue.url
}

output "function_name" {
  description = "The function that charges the orders."
  value       = module.charges.function.name
}

output "ledger_table_name" {
  description = "The table that holds one row per charge."
  value       = aws_dynamodb_table.ledger.name
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each call, with its outcome."
  value       = module.charges.function.log_group_name
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.charges.table.name
}
