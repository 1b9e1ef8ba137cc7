output "balances_table_name" {
  description = "The table of balances."
  value       = aws_dynamodb_table.balances.name
}

output "dead_letter_queue_url" {
  description = "The queue of deposits that failed every time."
  value       = module.deposits.dead_letter_queue.url
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each message, with its outcome."
  value       = module.deposits.function.log_group_name
}

output "queue_url" {
  description = "The queue to which you send deposits."
  value       = module.deposits.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.deposits.table.name
}
