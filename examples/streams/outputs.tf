output "given_up_queue_url" {
  description = "Where Lambda tells which records it gave up on."
  value       = aws_sqs_queue.given_up.url
}

output "log_group_name" {
  description = "Where the function tells, one line per record, what became of it."
  value       = module.timelines.function.log_group_name
}

output "parcels_table_name" {
  description = "The table of parcels, whose changes are streamed."
  value       = aws_dynamodb_table.parcels.name
}

output "records_table_name" {
  description = "The table of idempotency records."
  value       = module.timelines.table.name
}

output "scans_stream_name" {
  description = "Where to put scans, with the parcel as the partition key."
  value       = aws_kinesis_stream.scans.name
}

output "timelines_table_name" {
  description = "The table of timelines."
  value       = aws_dynamodb_table.timelines.name
}
