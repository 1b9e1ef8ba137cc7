output "dead_letter_queue_url" {
  description = "Where orders go that failed every time."
  value       = module.invoices.dead_letter_queue.url
}

output "function_name" {
  description = "The function that writes the invoices."
  value       = module.invoices.function.name
}

output "invoices_table_name" {
  description = "The table that holds one item per invoice."
  value       = aws_dynamodb_table.invoices.name
}

output "log_group_name" {
  description = "Where the function logs, one line per message, how it ended."
  value       = module.invoices.function.log_group_name
}

output "queue_url" {
  description = "Where to send orders."
  value       = module.invoices.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.invoices.table.name
}
