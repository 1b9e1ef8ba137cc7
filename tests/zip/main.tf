# Leaves a zip of the user's own for the tests that need one: binaries are not kept in the repository.

locals {
  filename = "build/tests/own.zip"
}

resource "terraform_data" "zip" {
  provisioner "local-exec" {
    command = "mkdir -p build/tests && printf 'in place of a zip' > ${local.filename}"
  }
}

output "filename" {
  description = "The zip's path, from where terraform runs."
  value       = local.filename
}
