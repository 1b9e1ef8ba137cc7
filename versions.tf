terraform {
  # 1.9: validations that compare one variable with another.
  required_version = ">= 1.9"

  required_providers {
    # 5.80: tags on event source mappings, and any string as source_code_hash. Below 7: decision 29. The tests run with
    # 5.100, and look every argument up in 5.80.0 and 6.69.1. The only provider: terraform_data is built into Terraform.
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}
