# The zip of the files to deploy (files.tf), and the hash of the code that the function must run.

locals {
  # 1. The hash of everything that decides the content of the zip: zips with the same hash have the same content.
  packers = [
    for file in ["pack.py", "wheels.py"] : sha256(replace(file("${path.module}/scripts/${file}"), "\r\n", "\n"))
  ]
  dependencies = local.requirements == null ? null : [
    try(sha256(replace(file(local.requirements), "\r\n", "\n")), filesha256(local.requirements), null),
    var.function.runtime,
    var.function.architecture,
  ]
  package_hash = sha256(jsonencode([local.files_hash, local.packers, local.dependencies]))

  # 2. The zip. Its directory is for this function alone, so the packer removes older zips from it. The name holds the
  # hash, so that a fresh clone, which has no zip, plans no change. The name also says what to do on a machine without
  # the zip, because the provider's message shows only the name.
  python    = var.code == null ? "python3" : var.code.python
  build_dir = local.builds_package ? coalesce(var.code.build_dir, "${path.root}/.terraform/idempotent-lambda") : ""
  zip_dir   = "${local.build_dir}/${local.arn_parts.account}-${local.arn_parts.region}-${local.function_name}"
  zip_name = join(".", [
    substr(local.package_hash, 0, 16),
    "if-missing.terraform-apply.-replace=module.NAME.terraform_data.package[0].zip",
  ])
  zip      = "${local.zip_dir}/${local.zip_name}"
  filename = local.builds_package ? local.zip : try(var.code.filename, null)
}

# Packs the zip. Terraform replaces it, and so packs again, when the content of the zip changes. It also does so when
# the name or the architecture changes: the provider then sends the zip again, and this machine may not have it.
resource "terraform_data" "package" {
  count = local.builds_package ? 1 : 0 # code.source_dir must be known when Terraform plans. Use a path of files.

  # The function's hash reads the path from the output, which is unknown until the zip exists.
  input            = local.zip
  triggers_replace = [local.package_hash, local.zip, var.function.architecture]

  # Terraform starts Python without a shell, which some machines lack. The command does nothing: Terraform shows it when
  # packing fails.
  provisioner "local-exec" {
    interpreter = [local.python, "-I", "${path.module}/scripts/pack.py"]
    quiet       = true
    command = join(" ", [
      "pack code.source_dir with ${local.python}, which must be Python 3.8 or newer on this machine",
      "(set code.python to use another program, or code.filename to use a zip that you build elsewhere)",
    ])

    environment = {
      PACK = jsonencode({
        source_dir       = local.source_dir
        package_dir      = local.package_dir
        zip              = local.zip
        exclude          = local.exclude_pattern
        files_hash       = local.files_hash
        requirements     = local.requirements
        runtime          = var.function.runtime
        architecture     = var.function.architecture
        processor_files  = local.processor_files
        reserved_modules = sort(setsubtract(local.imported_modules, local.sdk_modules))
      })

      # The packer does not read it. It makes packing wait until Terraform knows the function's settings.
      SETTINGS = join(" ", keys(local.environment))
    }
  }

  # Packing comes last before the function. If an earlier step fails, nothing is packed yet, and the next apply packs,
  # even on another machine.
  depends_on = [
    aws_cloudwatch_log_group.function,
    aws_iam_role_policy.function,
    aws_iam_role_policy.processor,
    aws_iam_role_policy_attachment.managed,
  ]

  lifecycle {
    precondition {
      condition = length(local.python_files) > 0 || local.requirements != null
      error_message = nonsensitive(join("", [for part in [
        "code.source_dir = \"", var.code.source_dir, "\" holds no .py file; at least one is needed. Check that the ",
        "directory exists. A relative path starts where terraform runs, so write \"$${path.module}/...\".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.unreadable_files) == 0
      error_message = nonsensitive(join("", [for part in [
        "code.source_dir = \"", var.code.source_dir, "\" holds ", try(local.unreadable_files[0], ""), ", which ",
        "Terraform cannot read. Check its permissions. If they are right, rename it so that its name is in Unicode's ",
        "form NFC. If it changed after the plan, plan again.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        var.code.build_dir == null ||
        !startswith("${abspath(local.build_dir)}/", "${abspath(local.source_dir)}/")
      )
      error_message = nonsensitive(join("", [for part in [
        "code.build_dir = \"", coalesce(var.code.build_dir, "null"), "\" lies in code.source_dir = \"",
        var.code.source_dir, "\", and it must lie outside. Set another directory.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.terraform_files) == 0
      error_message = nonsensitive(join("", [for part in [
        "code.source_dir = \"", var.code.source_dir, "\" holds ", try(local.terraform_files[0], ""), ", and Terraform ",
        "files can hold secrets: the module deploys every file there. Give your code a separate directory, such as ",
        "\"$${path.module}/src\".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.unread_locks) == 0
      error_message = nonsensitive(join("", [for part in [
        "code.source_dir = \"", var.code.source_dir, "\" holds ", local.unread_lock, " but no requirements.txt, and ",
        "the module installs packages only from that. ", local.unread_lock_remedy, ". If your code needs no packages, ",
        "set code.exclude = ", jsonencode(concat(local.exclude_globs, [local.unread_lock])), ".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.requirements == null ? true : fileexists(local.requirements)
      error_message = nonsensitive(join("", [for part in [
        "code.requirements = \"", coalesce(local.requirements, "null"), "\" does not exist. Check the path: a ",
        "relative one starts where terraform runs, so write \"$${path.module}/...\".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = !anytrue([
        for file in local.source_files : split("/", trimsuffix(file, ".py"))[0] == "idempotent_lambda"
      ])
      error_message = nonsensitive(join("", [for part in [
        "code.source_dir = \"", var.code.source_dir, "\" holds its own module idempotent_lambda, which would hide the ",
        "deployed package. Remove or rename it; the module adds the package for you.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.shadowing_modules) == 0
      error_message = nonsensitive(join("", [for part in [
        "code.source_dir = \"", var.code.source_dir, "\" holds modules that hide modules which boto3 or ",
        "idempotent_lambda imports: ", join(", ", local.shadowing_modules), ". Rename them, or move them into a ",
        "package.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        local.requirements != null || length(var.function.layers) > 0 || length(local.wrapper_files) == 0 ||
        length(setintersection(local.wrapper_files, local.python_files)) > 0
      )
      error_message = nonsensitive(join("", [for part in [
        "function.wrapper = \"", coalesce(var.function.wrapper, "null"), "\" names a module that the function would ",
        "not have: there is no layer, no requirements.txt, and no ", join(" or ", local.wrapper_files), " in ",
        "code.source_dir. Name the layer of the monitoring service in function.layers, or correct the name.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        local.requirements != null || length(local.python_files) == 0 || length(local.processor_files) == 0 ||
        length(setintersection(local.processor_files, local.python_files)) > 0
      )
      error_message = nonsensitive(join("", [for part in [
        "processor = \"", coalesce(var.processor, "null"), "\" names a module that code.source_dir = \"",
        var.code.source_dir, "\" does not hold: there is no ", join(" or ", local.processor_files), ". Correct the ",
        "name, or add the file.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        local.own_handler == null || local.requirements != null || length(var.function.layers) > 0 ||
        length(local.python_files) == 0 || length(try(local.named_files["function.handler"], [])) > 0
      )
      error_message = nonsensitive(join("", [for part in [
        "function.handler = \"", var.function.handler, "\" names a module that the function would not have: there is ",
        "no layer, no requirements.txt, and code.source_dir = \"", var.code.source_dir, "\" holds no ",
        try(local.named_functions["function.handler"].module, "file"), ".py. Correct the name, or add the file.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.undefined_functions) == 0
      error_message = join("", [
        for input in slice(concat(local.undefined_functions, ["none"]), 0, 1) : nonsensitive(join("", [for part in [
          "${input} = \"", try(local.named_functions[input].name, "null"), "\" names a function that ",
          join(" and ", try(local.named_files[input], [])), " in code.source_dir = \"", var.code.source_dir, "\" does ",
          "not define. Correct the name, or define or import the function there.",
        ] : issensitive(part) ? "(sensitive)" : part]))
      ])
    }
  }
}

# The SHA-256 of the code that the function must run, in base64, as Lambda reports it, or null if it is not known.
# checks.tf compares it with the hash of the code that runs.
#
# The function's source_code_hash is the id of this resource, not the hash. The provider keeps the planned value even if
# its call fails, so with a hash the next plan would show no change while the old code runs:
# https://github.com/hashicorp/terraform-provider-aws/issues/42826
resource "terraform_data" "code" {
  count = (
    # Whether code, code.image, code.s3 and code.source_dir are null must be known when Terraform plans. Set one.
    local.image || nonsensitive(var.code == null) ? 0 : 1
  )

  # If this machine has no zip, this is a text that no hash equals. It is not null, because checks.tf compares nothing
  # with null.
  input = (
    local.uses_s3
    ? var.code.s3.source_code_hash
    : try(
      filebase64sha256(local.builds_package ? terraform_data.package[0].output : var.code.filename),
      "unknown, because this machine has no zip",
    )
  )
  triggers_replace = (
    local.builds_package
    ? terraform_data.package[0].id
    : local.uses_s3 ? jsonencode(var.code.s3) : try(filebase64sha256(var.code.filename), null)
  )

  # Terraform computes the hash only when it replaces this resource, because another machine does not have the zip.
  lifecycle {
    ignore_changes = [input]
  }
}
