# A plan does not know what AWS will answer, and checkov takes what is unknown for missing. So we
# say where we are; the example also says which keys there will be.
locals {
  arn_parts = { partition = "aws", region = "eu-central-1", account = "123456789012" }
}
