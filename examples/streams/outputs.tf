output "given_up_queue_url" {
  description = "The queue of reports about records that Lambda gave up on."
  value       = aws_sqs_queue.given_up.url
}

output "log_group_name" {
  description = "The log group of the function. It has a line for each record, with its outcome."
  value       = module.timelines.function.log_group_name
}

output "parcels_table_name" {
  description = "The table of parcels. Its stream is a source."
  value       = aws_dynamodb_table.parcels.name
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.timelines.table.name
}

output "scans_stream_name" {
  description = "The stream to which you send scans, with the parcel as the partition key."
  value       = aws_kinesis_stream.scans.name
}

output "timelines_table_name" {
  description = "The table of timelines."
  value       = aws_dynamodb_table.timelines.name
}
