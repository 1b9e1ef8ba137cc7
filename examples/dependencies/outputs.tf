output "dead_letter_queue_url" {
  description = "The queue of orders that failed every time."
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
  description = "The log group of the function. It has a line for each message, with its outcome."
  value       = module.invoices.function.log_group_name
}

output "queue_url" {
  description = "The queue to which you send orders."
  value       = module.invoices.queue.url
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.invoices.table.name
}
