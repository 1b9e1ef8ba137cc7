output "balances_table_name" {
  description = "The table of balances."
  value       = aws_dynamodb_table.balances.name
}

output "dead_letter_queue_url" {
  description = "Where deposits go that failed every time."
  value       = module.deposits.dead_letter_queue.url
}

output "log_group_name" {
  description = "Where the function tells, one line per message, what became of it."
  value       = module.deposits.function.log_group_name
}

output "queue_url" {
  description = "Where to send deposits."
  value       = module.deposits.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.deposits.table.name
}
