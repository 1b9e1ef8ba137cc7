# Every rule refuses what it is there to refuse: one wrong fact per case on a valid base.
#
# `expect_failures` alone passes when another rule of the same object fires. So each case says, in the
# line above it, how its message starts; tests/module/test_rejections.py asserts that this and no other
# error appears, and that every rule of the module has a case.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "a_zip" {
  module {
    source = "./tests/zip"
  }
}

# says: code sets 0 of filename, image, s3, source_dir; it takes exactly one.
run "code_from_nowhere" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = {}
  }
}

# says: code sets 2 of filename, image, s3, source_dir; it takes exactly one.
run "code_from_two_places" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "examples/quickstart/src", filename = run.a_zip.filename }
  }
}

# says: code.filename = "examples/quickstart/src/orders.py" does not end in .zip.
run "a_filename_that_is_no_zip" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { filename = "examples/quickstart/src/orders.py" }
  }
}

# says: code.filename = "missing.zip" does not exist; it must exist when Terraform plans the function.
run "a_zip_that_does_not_exist" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    code = { filename = "missing.zip" }
  }
}

# says: code.source_dir = "missing" holds no .py file; at least one is needed.
run "a_source_dir_that_does_not_exist" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "missing" }
  }
}

# says: code.source_dir = "tests/module/sources/no_python" holds no .py file; at least one is needed.
run "a_source_dir_without_python" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/no_python" }
  }
}

# says: code.source_dir = "" holds no .py file; at least one is needed.
run "an_empty_source_dir_name" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "" }
  }
}

# says: code.exclude = ["tests","*.{md,txt}","/","./","","tests "]; a pattern is a name or path with *, ** and ?
run "patterns_that_terraform_does_not_know" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "examples/quickstart/src", exclude = ["tests", "*.{md,txt}", "/", "./", "", "tests "] }
  }
}

# says: code.build_dir = null, code.python = "" or code.requirements = "" is empty.
run "empty_texts_about_code" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "examples/quickstart/src", python = "", requirements = "" }
  }
}

# says: code.image.uri = null is empty.
run "an_image_of_no_uri" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { image = { uri = null } }
  }
}

# says: code.requirements = "requirements.txt" or code.build_dir = null is set, and code.source_dir is null
run "requirements_of_a_zip" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { filename = run.a_zip.filename, requirements = "requirements.txt" }
  }
}

# says: code.s3.source_code_hash = "b3c028d63dcd0654" is not a SHA-256 in base64.
run "a_hash_that_is_no_base64" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { s3 = { bucket = "artefacts", key = "orders.zip", source_code_hash = "b3c028d63dcd0654" } }
  }
}

# says: code.source_dir = "examples/quickstart" holds main.tf, and Terraform files can hold secrets
run "a_source_dir_with_terraform_files" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code      = { source_dir = "examples/quickstart" }
    processor = "src.orders.process"
  }
}

# says: code.source_dir = "tests/module/sources/[a-z]*" has one of []{}*?, and Terraform
run "a_source_dir_that_is_a_pattern" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "tests/module/sources/[a-z]*" }
  }
}

# says: code.build_dir = "examples/quickstart/src/build" lies in code.source_dir = "examples/quickstart/src"
run "a_build_dir_that_is_packed" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "examples/quickstart/src", build_dir = "examples/quickstart/src/build" }
  }
}

# says: Build one there with `poetry export -o requirements.txt`
run "a_lock_that_is_not_installed" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/poetry" }
  }
}

# says: code.requirements = "missing.txt" does not exist.
run "requirements_that_do_not_exist" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "examples/quickstart/src", requirements = "missing.txt" }
  }
}

# says: hide modules which boto3 or idempotent_lambda imports: email, queue.
run "modules_that_hide_pythons" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/shadows" }
  }
}

# says: code.source_dir = "tests/module/sources/own_package" holds its own module idempotent_lambda
run "a_package_that_hides_ours" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/own_package" }
  }
}

# says: code.source_dir = "tests/module/sources/own_module" holds its own module idempotent_lambda
run "a_module_that_hides_ours" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/own_module" }
  }
}

# says: code is null, and a function that the module creates needs it.
run "no_code" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    code      = null
    processor = null
    function  = { handler = "orders.handler" }
  }
}

# says: code is set together with function.existing, and the module does not deploy code to an existing function.
run "code_with_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
  }
}

# says: code sets 2 of filename, image, s3, source_dir; it takes exactly one.
run "an_image_and_a_zip" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = {
      image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders:1" }
      s3    = { bucket = "artefacts", key = "orders.zip" }
    }
  }
}

# says: code.s3 has no bucket or no key.
run "a_zip_in_no_bucket" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { s3 = { bucket = null, key = "orders.zip" } }
  }
}
