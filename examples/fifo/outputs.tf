output "accounts_table_name" {
  description = "The table of accounts, with the movements of each."
  value       = aws_dynamodb_table.accounts.name
}

output "dead_letter_queue_url" {
  description = "The queue of movements that failed every time."
  value       = module.movements.dead_letter_queue.url
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each message, with its outcome."
  value       = module.movements.function.log_group_name
}

output "queue_url" {
  description = "The queue to which you send movements, with the account as the message group."
  value       = module.movements.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.movements.table.name
}
