output "accounts_table_name" {
  description = "The table of accounts, with what was booked on each."
  value       = aws_dynamodb_table.accounts.name
}

output "dead_letter_queue_url" {
  description = "Where movements go that failed every time."
  value       = module.movements.dead_letter_queue.url
}

output "log_group_name" {
  description = "Where the function tells, one line per message, what became of it."
  value       = module.movements.function.log_group_name
}

output "queue_url" {
  description = "Where to send movements, with the account as the message group."
  value       = module.movements.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.movements.table.name
}
