output "function_name" {
  description = "The function that answers the requests."
  value       = module.payments.function.name
}

output "ledger_table_name" {
  description = "The table that holds one row per charge."
  value       = aws_dynamodb_table.ledger.name
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each call, with its outcome."
  value       = module.payments.function.log_group_name
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.payments.table.name
}

output "url" {
  description = "The address for POST requests, signed with IAM credentials."
  value       = aws_lambda_function_url.payments.function_url
}
