variable "dynamodb_url" {
  description = "Where the function finds DynamoDB: behind a proxy that looks on, and throttles."
  type        = string
}

# What is to happen to which effect: one row is one fault, taken as often as it says.
resource "aws_dynamodb_table" "faults" {
  name         = "${var.name}-faults"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

output "faults_table_name" {
  description = "The table that says what happens to which effect."
  value       = aws_dynamodb_table.faults.name
}
